"""The table of what attacks leave of each class."""
