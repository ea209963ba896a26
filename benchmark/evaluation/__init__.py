"""What the outcomes of a run mean: intervals, clinical metrics and detection."""
