"""The tables and figures of sweeps: robust accuracy against a setting."""
