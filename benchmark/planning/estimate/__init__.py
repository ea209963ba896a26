"""What a run will cost, before it begins and while it goes on: questions counted, and what one of them takes here."""
