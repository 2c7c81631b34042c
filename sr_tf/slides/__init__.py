"""Reading whole slides and writing them as pyramids."""
