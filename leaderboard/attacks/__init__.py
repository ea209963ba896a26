"""The table of every attack."""
