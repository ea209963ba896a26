"""Purifications as chains of steps, and the exact gradient through them at the memory of about √K states."""
