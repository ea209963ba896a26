"""How visible attacks are."""
