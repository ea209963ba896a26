"""What a run contains, as TOML, and how it is read."""
