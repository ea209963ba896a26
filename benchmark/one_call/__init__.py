"""A run from one call in Python: `from benchmark import evaluate`."""
