"""The limits of the schemas room, each with its reason.

Two families stand here. Limits on a schema are met once, when `AvroSchema.parse` reads it; limits
on a payload are met while its bytes are walked. Together they bound what any message can cost:
the work and the memory of one decode grow with the bytes that came, never with a number that
somebody wrote into them.

Law: a limit is a constant with a reason. Only the size of a record is a setting, because brokers
have one too.
"""

__all__ = [
    "MAX_DEFAULT_VALUES",
    "MAX_DEPTH",
    "MAX_FIXED_BYTES",
    "MAX_HOLLOW_PARTS",
    "MAX_ITEMS",
    "MAX_JSON_DEPTH",
    "MAX_NAME_LENGTH",
    "MAX_NODES",
    "MAX_PRECISION",
    "MAX_RECORD_BYTES",
    "MAX_SCHEMA_LENGTH",
    "MAX_VALUES",
]

MAX_DEPTH = 64
"""Levels of nesting in a schema. Readers recurse once or twice per level, so this stays far below
Python's recursion limit of 1000 and below a 256 KiB thread stack; real schemas have under ten."""

MAX_JSON_DEPTH = 4 * MAX_DEPTH
"""Levels of brackets in a schema's JSON. A record takes three per level: itself, its list of
fields, the field."""

MAX_NODES = 10_000
"""Types in a schema after every name is written out. A chain of records that mention the one
before twice doubles with each link: forty links are two kilobytes of JSON and 2^40 fields. A
hundred symbols of an enum count as one type: each mention of it makes a table of them."""

MAX_HOLLOW_PARTS = 16
"""Parts of one array item or map value that take no bytes (null, empty records). Each item takes at
least one byte, so a payload of n bytes never makes more than 16 n such parts."""

MAX_NAME_LENGTH = 249
"""Characters of one name, as of a Kafka topic. Names stand in errors, headers and logs."""

MAX_FIXED_BYTES = 65_536
"""Size of a fixed type. Hashes and keys need under 100 bytes; larger data belongs into bytes."""

MAX_DEFAULT_VALUES = 1_000
"""Values that one default stands for, with the defaults inside of records filled in. Twenty bytes
of default may name thousands of fields; more than a thousand values are data, not a default."""

MAX_PRECISION = 1_000
"""Digits of a decimal. Turning digits into a number costs their square; money needs under 40."""

MAX_SCHEMA_LENGTH = 524_288
"""Characters of a schema's JSON. Half of what one Kafka record carries by default."""

MAX_ITEMS = 100_000
"""Items of one array or map, over all of its blocks. Larger lists belong into several events."""

MAX_VALUES = 500_000
"""Values that the items of all arrays and maps of one payload become; a record counts four and its
fields, defaults included. So many take half a second and under 150 MB, as objects of classes too;
without it a megabyte of lists in lists took four seconds and 700 MB."""

MAX_RECORD_BYTES = 1_048_576
"""Size of a framed record where the caller names no other: Kafka's default for one record."""
