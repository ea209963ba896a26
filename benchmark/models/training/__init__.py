"""How classifiers learn, and what is kept of them."""
