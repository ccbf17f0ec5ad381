"""Which variables of the environment hold secrets, as the configuration names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

_SUFFIX = "_env"


def secret_names(settings: Any) -> frozenset[str]:
    """The variables that the settings, or a part of them, name in any field called `..._env`, `secret_env` among them:
    model keys, tokens, webhooks, passwords, keys that sign. The variables need not be set."""
    return frozenset(_named(settings))


def _named(value: Any) -> Iterator[str]:
    if is_dataclass(value):
        for field in fields(value):
            inner = getattr(value, field.name)
            if field.name.endswith(_SUFFIX):
                yield from (inner,) if isinstance(inner, str) else inner or ()
            else:
                yield from _named(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _named(inner)
