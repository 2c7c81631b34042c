"""Reading whole slides and writing pyramids of them."""
