"""The command line: the only place that knows click, prints, and turns outcomes into exit codes."""
