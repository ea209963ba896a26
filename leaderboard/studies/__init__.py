"""Studies on the board: their tables, figures and pictures."""
