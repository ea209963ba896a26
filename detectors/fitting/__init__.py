"""What several detectors learn in the same way."""
