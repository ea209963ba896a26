"""Searches that several attacks share."""
