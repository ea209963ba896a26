"""What an attack is handed, what it hands back, and what is checked of that."""
