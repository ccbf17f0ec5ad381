"""Python source once parsed, never run: its tree, its scopes, and the texts that it builds."""
