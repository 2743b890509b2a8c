"""The disk behind the broker: `--data DIR`.

    DIR/
      lock                          held while a broker uses the folder
      meta                          format version and cluster id
      journal                       all that is durable and no record: length, CRC-32C, payload
      <topic>-<partition>.<id>/     a partition; the id is its topic's, so that a topic that is made
                                    again never meets old files
        <20 digits>.log             record batches, as Kafka lays them out and names the file
        <20 digits>.seal            of a compacted file: how much of it was written, and its CRC
        start                       where the log begins, once records were deleted
        producers                   what deleted batches have said of their producers

    disk_storage.py   the port that the server asks: journal, stores, sync
    disk_store.py     one partition: the port that its log asks
    disk_segment.py   one file of batches
    journal_file.py   the journal
    segment_scan.py, journal_frames.py, seal.py   what the bytes mean; pure
    file_sync.py      fsync in a thread, once for all who wait

Laws:
1. An append is one write. When it fails, what was there stays as it was, and nothing half-written
   is ever read; the error is an OSError, and the broker lives.
2. Opening finds what was written, or a prefix of it: a torn end is cut away with a warning. Any
   other damage is refused, with file and position; nothing is guessed.
3. What takes the place of something else is written aside and renamed.
4. It knows batches by their frame only. What entries and records mean, it must never know.
"""
