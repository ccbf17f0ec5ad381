"""What names, labels and descriptions of values tell about where they come from."""
