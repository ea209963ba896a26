"""Robust accuracy against ε."""
