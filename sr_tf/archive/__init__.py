"""Archives of slides: each block in the fewest bytes whose restored pixels were measured to be good enough."""
