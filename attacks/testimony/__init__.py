"""What is kept of an attack beside its own word."""
