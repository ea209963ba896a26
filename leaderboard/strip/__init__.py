"""Images before and after attacks."""
