"""Diffusion models that somebody else trained, from a folder that the diffusers library saved."""
