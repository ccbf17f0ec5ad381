"""agentops config."""

from __future__ import annotations

from pathlib import Path

import click

from agentops.cli import options


@click.command("config")
@options.config
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
def command(config_path: Path | None, origin: bool) -> int:
    """Show the configuration in force, one value a line, defaults included."""
    from agentops.config import load

    _, origins = load.load(config_path or Path(load.DEFAULT_NAME))
    for key, value, source in origins.rows():
        click.echo(f"{key} = {value}" + (f"    # {source}" if origin else ""))
    return 0
