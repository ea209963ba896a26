"""The table of clinical metrics."""
