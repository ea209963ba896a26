"""Objectives: what an attack maximises."""
