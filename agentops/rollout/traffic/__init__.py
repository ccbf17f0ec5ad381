"""The traffic modes."""
