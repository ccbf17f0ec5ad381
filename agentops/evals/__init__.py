"""Behavioural evals: cases in, attempts and what they came to out."""
