"""What everything stands on: plug-ins and their settings, threat models, random numbers, images, defended models."""
