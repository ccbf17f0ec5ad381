"""Variants of cases, and evalsets written down."""
