"""The console: pages for people, rendered here, read anywhere, kept live by a little script."""
