"""The detection table."""
