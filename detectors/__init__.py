"""Detectors of adversarial images: one method a file; `base` holds the contract."""
