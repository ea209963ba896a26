"""Reliability flags: signs that a robustness number may be too good. One flag a file."""
