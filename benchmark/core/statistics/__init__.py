"""Statistics of hidden features."""
