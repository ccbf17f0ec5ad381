"""The types that travel through the house: frozen, tuples, standard library only."""
