"""Robust accuracy by subgroup."""
