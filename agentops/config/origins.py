"""Where each value of the configuration came from: the file and line, a flag, or a default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.config.document import Keys


@dataclass(frozen=True, slots=True)
class Origins:
    """The complete configuration as data, and the places of what was given."""

    data: Mapping[str, Any]
    places: Mapping[Keys, str]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Dotted key, value as JSON, origin: one row a value, in the order of the file and then the schema."""
        yield from self._rows(self.data, ())

    def _rows(self, value: Any, keys: Keys) -> Iterator[tuple[str, str, str]]:
        children: list[tuple[str | int, Any]] = []
        if isinstance(value, dict) and value:
            children = list(value.items())
        elif isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
            children = list(enumerate(value))
        if not children:
            yield ".".join(map(str, keys)), json.dumps(value, ensure_ascii=False), self.places.get(keys, "default")
        for key, child in children:
            yield from self._rows(child, (*keys, key))
