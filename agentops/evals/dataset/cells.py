"""CSV as rows of named cells, each with the line on which it begins."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from agentops.errors import ConfigError
from agentops.text import one_line


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `cells` holds every column, an empty cell as ""."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cells:
    """A table with its header."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read(text: str, name: str) -> Cells:
    """The text as a table whose first row names the columns. Blank lines are skipped.

    Raises ConfigError with the line for a quote that stands wrong, a row that is longer or shorter than the header, a
    column without a name or with that of another, and a cell of more than 128 KiB.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if not columns and cells:
                columns = _header(cells, f"{name}:{line}")
            elif cells:
                if len(cells) != len(columns):
                    raise ConfigError(
                        f"{name}:{line}: the row has {_count(len(cells))}, the header {_count(len(columns))}",
                        hint="quote cells that hold commas or line breaks, and write every cell",
                    )
                rows.append(Row(line, dict(zip(columns, cells, strict=True))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(
            f"{name}:{line}: not CSV: {error}", hint='write a quote inside a quoted cell twice: ""'
        ) from None
    return Cells(columns, tuple(rows))


def _header(cells: list[str], place: str) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    for number, column in enumerate(columns, 1):
        if not column:
            raise ConfigError(f"{place}: column {number} has no name", hint="name it, or take it out")
        if column in columns[: number - 1]:
            raise ConfigError(f"{place}: the column {one_line(column, 60)!r} stands twice", hint="keep one of the two")
    return columns


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"
