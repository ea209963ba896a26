"""Gradient estimators: how an attack differentiates through a defense."""
