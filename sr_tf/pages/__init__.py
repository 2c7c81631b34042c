"""Pages that are one HTML file: what they share."""
