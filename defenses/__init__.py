"""Defenses: one method a file; `base` holds the contract."""
