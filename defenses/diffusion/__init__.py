"""Purification by a diffusion model: its noise schedule and its reverse steps."""
