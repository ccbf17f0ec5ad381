"""The answer of `agentops prompts --format json` where no file changed since it was measured: what is kept is put
together, and nothing of the analysis or the gate is loaded.

Holds only without a configuration, whose gate may ask for more than one threshold. In every other case, and wherever
anything is missing, there is no quick answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentops.cli.options import CONFIGURATION
from agentops.errors import AgentopsError, ExitCode

if TYPE_CHECKING:
    from agentops.cli.prompts_asked import Asked

# The configuration's default; a test holds it against the schema.
DEFAULT_THRESHOLD = 0.8
_ENVIRONMENTS = (None, "local", "ci", "release")


@dataclass(frozen=True, slots=True)
class Answer:
    """The document, and what it comes to: `worst` is the highest gate risk of `count` templates."""

    document: str
    worst: float
    threshold: float
    count: int

    @property
    def exit_code(self) -> ExitCode:
        """As the gate decides on its one criterion."""
        return ExitCode.FAIL if self.worst > self.threshold else ExitCode.PASS


def answer(asked: Asked) -> Answer | None:
    """The answer out of the cache; None where the files have to be looked at, or more is asked for."""
    threshold = DEFAULT_THRESHOLD if asked.threshold is None else asked.threshold
    plain = asked.config_path is None and asked.baseline is None and asked.write_baseline is None
    if not (plain and asked.dirs and asked.cache and asked.environment in _ENVIRONMENTS and 0 <= threshold < 1):
        return None
    if Path(CONFIGURATION).is_file() or not asked.cache.is_dir():
        return None
    from agentops.cli.prompts_paths import Given
    from agentops.drivers.cache import Cache
    from agentops.injection import files
    from agentops.injection.kept import cached

    root = Path.cwd()
    try:
        found = files.find([Path(p) for p in asked.dirs], root=root)
    except AgentopsError:
        return None
    cache = Cache(asked.cache, cached.identity(asked.dirs, root=root, trust={}, markers=()))
    given = Given(asked.dirs, root, root=root)
    parts: list[str] = []
    worst = 0.0
    for path in found.files:
        kept = cached.entries(cache, str(path))
        if kept is None:
            return None
        name = json.dumps(given(str(path)))
        for text, low, high in kept:
            held = high if asked.strict else low
            worst = max(worst, held)
            parts.append(f'{{"path":{name},"gated":{json.dumps(held)},{text[1:]}')
    cache.save()
    if not parts:
        return None
    return Answer(f'{{"templates":[{",".join(parts)}],"errors":[]}}\n', worst, threshold, len(parts))


def tell(found: Answer, *, quiet: bool) -> int:
    """The document on standard output and the verdict on standard error. Returns the exit code."""
    click.echo(found.document, nl=False)
    if not quiet:
        word = found.exit_code.name
        what = f"{found.worst:.3g} is the highest risk ({found.count}/{found.count} templates)"
        click.echo(f"{word}: {what}, at most {found.threshold:g} allowed (no file changed)", err=True)
    return int(found.exit_code)
