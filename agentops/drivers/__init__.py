"""Doors to the world outside: processes, containers, git, files. One module a door."""
