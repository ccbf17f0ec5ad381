"""Where outside text can turn into instructions: prompt templates parsed into roles and holes, and judged."""
