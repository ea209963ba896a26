"""The answer that looks at no image."""
