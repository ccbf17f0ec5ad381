"""Pure functions on numbers: no I/O, no third-party packages."""
