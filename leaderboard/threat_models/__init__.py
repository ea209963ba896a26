"""The threat model of every row."""
