"""The table of topics: names, ids, partitions and configurations."""
