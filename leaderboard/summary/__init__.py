"""The board in six columns."""
