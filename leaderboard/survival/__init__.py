"""Accuracy against attack step."""
