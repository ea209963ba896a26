"""Decisions that count, made by a process that holds nothing but a model's weights and the images it is shown."""
