"""Leaderboards, made from a run folder alone."""
