"""What the number of a randomized or purifying defense must be read with."""
