"""Purification along a score: its steps."""
