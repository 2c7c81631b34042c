"""Tables and pictures of what generators restore, beside interpolation."""
