"""The table of what fresh draws change."""
