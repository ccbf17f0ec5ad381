"""Decide: a run and a policy in, a verdict out. Pure functions."""
