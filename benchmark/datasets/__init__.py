"""Medical image data sets: one plug-in a file, read from the user's data root."""
