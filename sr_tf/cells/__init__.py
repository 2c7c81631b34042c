"""Red cells: finding them, telling their type, and how far two findings agree."""
