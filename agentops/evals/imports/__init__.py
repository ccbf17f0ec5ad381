"""Sessions from production as proposed cases."""
