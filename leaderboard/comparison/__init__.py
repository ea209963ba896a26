"""Two rows, of one run or of two, image by image."""
