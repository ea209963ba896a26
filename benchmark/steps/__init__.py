"""What a run is made of: train, fit, clean, attack, features, detect. One kind of step a file."""
