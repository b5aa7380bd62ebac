"""What an exported table is: named columns, and rows that come one after another. None is absent or unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Value = int | float | str | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of an exported table."""

    name: str
    kind: str  # INTEGER, REAL, TEXT
    repeated: bool = False  # follows from others: for files without joins


@dataclass(frozen=True, slots=True)
class Table:
    """A table and how to get its rows."""

    name: str
    fields: tuple[Field, ...]
    rows: Callable[[], Iterator[Row]]
    key: tuple[str, ...] = ()  # fields that tell its rows apart; empty: none do


I, R, T = "INTEGER", "REAL", "TEXT"  # noqa: E741 - as SQL has them
BOOT, UPTIME, UTC = Field("boot", I), Field("uptime_ms", I), Field("utc", T, True)
PROCESS, PID, NAME = Field("process", I), Field("pid", I, True), Field("name", T, True)


def fields(kind: str, *names: str) -> tuple[Field, ...]:
    """Columns of one kind."""
    return tuple(Field(name, kind) for name in names)
