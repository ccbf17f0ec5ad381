"""What model APIs say, apart from how it is sent."""
