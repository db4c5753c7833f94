"""The report of a bundle: what the model can do and cannot, in tables and pictures."""
