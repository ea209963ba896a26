"""The machinery of defenses that train the classifier again."""
