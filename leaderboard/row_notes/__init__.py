"""What stands against a row, and what its defense is."""
