"""Measurements without which the number of a randomized or purifying defense cannot be read."""
