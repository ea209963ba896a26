"""Purification by what a short-run sampler can reconstruct: its training and the descent over its latent."""
