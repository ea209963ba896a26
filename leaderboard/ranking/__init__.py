"""Ranks, and whether they can be told apart."""
