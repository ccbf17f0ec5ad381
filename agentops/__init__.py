"""agentops: the release gate for LLM agents."""

from agentops.version import VERSION as __version__

__all__ = ["__version__"]
