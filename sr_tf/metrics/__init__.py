"""Image quality metrics; each states its protocol: channels, border, range."""
