"""Classifiers, how they are trained, and how they are deployed: images in [0, 1] → logits."""
