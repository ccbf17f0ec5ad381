"""Results of files that did not change since they were analysed. Loads nothing of the analysis itself, so that a run
over unchanged files starts quickly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.drivers.cache import Cache
from agentops.version import VERSION

if TYPE_CHECKING:
    from agentops.injection.analysis import TemplateResult

# The code that a result is made by, and the libraries that read templates for it.
_CODE = ("injection", "secrets", "pysource", "suppress", "text.py", "model")
_LIBRARIES = ("jinja2", "yaml")


def identity(paths: Sequence[str], *, root: Path, trust: Mapping[str, str], markers: Sequence[Sequence[str]]) -> str:
    """The key of all results that the same code makes under the same configuration: 32 hex digits."""
    digest = hashlib.sha256(VERSION.encode())
    package = Path(__file__).parents[2]
    for name in _CODE:
        place = package / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    for name in _LIBRARIES:
        spec = find_spec(name)
        digest.update(Path(spec.origin).read_bytes() if spec is not None and spec.origin else b"none")
    # Paths count because includes are looked for below them.
    said = [str(root), list(paths), dict(trust), [list(m) for m in markers]]
    digest.update(json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


class Remembered:
    """Results by file, for `engine.analyse`. A file in error is never remembered."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def get(self, path: Path) -> tuple[TemplateResult, ...] | None:
        """The file's results; None where it, or one that it includes, changed."""
        kept = self._cache.get(str(path))
        if kept is None:
            return None
        from agentops.injection.kept import store

        try:
            return store.decode(kept.texts[0])
        except (ValueError, TypeError, KeyError, IndexError):
            return None

    def put(self, path: Path, results: Sequence[TemplateResult], *, needs: Sequence[Path]) -> None:
        """Remember the results. `needs` are the files that were read for them or looked for in vain."""
        from agentops.injection.accepted import gate_risk
        from agentops.injection.kept import entry as store_entry
        from agentops.injection.kept import store

        risks = [gate_risk(r) for r in results]
        # What hangs on how the program was called is put in when the entry is shown.
        left = ("path", "gated")
        entries = [{k: v for k, v in store_entry.entry(r).items() if k not in left} for r in results]
        texts = [store.encode(results), *(json.dumps(e, separators=(",", ":")) for e in entries)]
        held = [[float(r.low), float(r.high)] for r in risks]
        self._cache.put(str(path), note=held, texts=texts, needs=[str(n) for n in needs])

    def save(self) -> None:
        """Write down what is remembered."""
        self._cache.save()


def entries(cache: Cache, path: str) -> list[tuple[str, float, float]] | None:
    """The file's entries in the JSON document, each as a JSON text without its path and what the gate holds, and with
    it the gate risk, low and high."""
    kept = cache.get(path)
    if kept is None:
        return None
    try:
        return [(text, float(low), float(high)) for text, (low, high) in zip(kept.texts[1:], kept.note, strict=True)]
    except (ValueError, TypeError, IndexError):
        return None
