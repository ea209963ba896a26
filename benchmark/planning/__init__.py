"""From a suite to a plan; everything that can be refused is refused here, before any work."""
