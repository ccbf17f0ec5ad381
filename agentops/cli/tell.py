"""An error on the screen: what happened, and how to mend it."""

from __future__ import annotations

import click

from agentops.errors import AgentopsError, ConfigError
from agentops.text import said


def tell(error: AgentopsError) -> None:
    """Print the error to standard error; no line of it begins with what others said."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    for problem in problems or (error.message,):
        click.echo(f"error: {said(problem, 1000)}", err=True)
    first, *rest = error.hint.splitlines() or [""]
    if first:
        click.echo(f"hint: {said(first, 1000)}", err=True)
    for line in rest:
        click.echo(f"    | {said(line, 1000)}", err=True)
