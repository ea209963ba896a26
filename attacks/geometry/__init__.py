"""The images that an attacker may submit, and ways onto them."""
