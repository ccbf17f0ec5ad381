"""Settings for commands that can do without a configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentops.config import load
from agentops.config.document import Document
from agentops.errors import ConfigError, UsageError
from agentops.model.settings import Settings

# Stands where a configuration has to have an agent and none is run.
_NO_AGENT = {"name": "agent", "url": "http://localhost"}


def settings_for(
    config_path: Path | None,
    section: str,
    key: str,
    paths: Sequence[str],
    *,
    option: str,
    url: str | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """The configuration with `section.key` replaced by `paths` where these are given.

    Where there is no configuration file, the paths (and for evals the url) are configuration enough. For prompts, the
    file need say nothing of the agent, or may leave it unfinished.
    """
    path = config_path or Path(load.DEFAULT_NAME)
    laid_over = dict(flags or {})
    if config_path is None and not path.is_file():
        if not paths:
            raise ConfigError(f"there is no {load.DEFAULT_NAME} here", hint=f"name what to look at with {option}")
        if section == "evals" and url is None:
            raise ConfigError(f"there is no {load.DEFAULT_NAME} here that says how to run the agent", hint="give --url")
        agent = {**_NO_AGENT, "url": url or _NO_AGENT["url"]}
        data = {"version": 1, "agent": agent, section: {key: list(paths)}}
        settings, _ = load.from_document(Document("command line", data), root=Path.cwd(), flags=laid_over)
    else:
        root = path.resolve().parent
        if paths:
            # A pack is no path.
            laid_over[f"{section}.{key}"] = [p if p.startswith("pack:") else os.path.relpath(p, root) for p in paths]
        settings = _loaded(path, laid_over, section)
    return _at(settings, url) if url else settings


def _loaded(path: Path, flags: Mapping[str, Any], section: str) -> Settings:
    try:
        return load.load(path, flags=flags)[0]
    except ConfigError:
        if section != "prompts" or not path.is_file():
            raise
    return load.load(path, flags=flags, agent=_NO_AGENT)[0]


def _at(settings: Settings, url: str) -> Settings:
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no URL of an agent", hint="write it as http://host:port")
    return replace(settings, agent=replace(settings.agent, url=url, build=None, image=None, command=()))
