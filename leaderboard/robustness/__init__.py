"""The robustness table."""
