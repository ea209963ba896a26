"""Where the negative samples of an energy's training come from: one way a file."""
