"""Measurements of the whole system and of what else could do its work: `make bench`."""
