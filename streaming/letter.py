"""What every dead letter has in common, whichever program writes it; docs/operations.md tells of each field."""

FIELDS = ("reason", "topic", "partition", "offset", "received_ms", "bytes", "raw")

RAW_BYTES = 512 * 1024
"""So much of a record goes into its letter. Base64 makes it a third longer, and a letter that is larger than Kafka
takes (1 MiB unless it is told otherwise) would end the stream, again at every start."""
