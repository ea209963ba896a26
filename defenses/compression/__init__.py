"""Differentiable stand-ins for compression."""
