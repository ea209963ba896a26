"""Which data set a run reads, and whether it keeps its contract."""
