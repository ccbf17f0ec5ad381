"""The configuration: read with places, checked against its schema, turned into Settings."""
