"""The table of reliability flags."""
