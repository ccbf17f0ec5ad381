"""What a text holds that its reader does not see: hidden characters and markup, poisoned descriptions."""
