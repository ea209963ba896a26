"""Attacks: one method a file; `base` holds the contract, `victim` what an attack may ask of a model."""
