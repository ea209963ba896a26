"""Importing this package defines its plug-ins, and defining them registers them."""

from medrobust_example import attack, defense, detector, objective, study

__all__ = ["attack", "defense", "detector", "objective", "study"]
