"""A run's results as figures; matplotlib is imported where something is drawn."""
