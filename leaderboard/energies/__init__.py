"""Whether the energies that defenses learned are convergent."""
