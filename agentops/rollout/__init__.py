"""Bring an admitted image to all traffic, step by step, and back in seconds."""
