"""The board as documents: Markdown, a terminal, one flat table."""
