"""The one secret detector: prompts, cassettes, diffs, layers and trees all ask it."""
