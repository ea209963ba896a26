"""Zeroth-order training of networks in front of a classifier that can only be queried."""
