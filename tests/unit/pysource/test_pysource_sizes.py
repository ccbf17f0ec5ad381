"""Large modules are read in time that their length bounds, and imports of the readers run one way."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

import agentops.pysource
from agentops.pysource.parse import SourceError, parse

ROOT = Path(agentops.pysource.__file__).parent.parent


def test_a_generated_module_is_read() -> None:
    entries = "".join(f"'k{i}': {{'a': {i}, 'b': [1, 2], 'c': 'x'}},\n" for i in range(12_000))
    text = f"TABLE = {{\n{entries}}}\n"
    assert len(text) > 500_000
    started = time.perf_counter()
    assert len(parse(text).tree.body) == 1
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        "p = f'''" + "{x}" * 180_000 + "'''\n",
        "".join(f"p{i} = f'''" + "{x}" * 19_000 + "'''\n" for i in range(10)),
        "# f''' and \"\np = rf'''\\'''" + "{x}" * 180_000 + "'''\n",
        'p = F"' + "{x}" * 180_000 + '"\n',
    ],
)
def test_f_strings_of_far_too_many_fields_are_refused_at_once(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(SourceError, match="f-strings") as raised:
        parse(text)
    assert time.perf_counter() - started < 1
    assert raised.value.line >= 1


def test_many_small_f_strings_are_no_reason_to_refuse() -> None:
    assert parse("".join(f"p{i} = f'{{x}} and {{y}}'\n" for i in range(12_000))).tree.body


@pytest.mark.parametrize("folder", ["pysource", "injection/syntax/code", "injection/syntax/python"])
def test_imports_run_one_way(folder: str) -> None:
    files = {f"agentops.{folder.replace('/', '.')}.{p.stem}": p for p in (ROOT / folder).glob("*.py")}
    ahead = {name: {i for i in _imports(path) if i in files and i != name} for name, path in files.items()}
    while ahead:
        done = {name for name, needs in ahead.items() if not needs & ahead.keys()}
        assert done, f"a circle: {sorted(ahead)}"
        ahead = {name: needs for name, needs in ahead.items() if name not in done}


def _imports(path: Path) -> set[str]:
    """The modules that the file takes names from; imports for types alone count too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found
