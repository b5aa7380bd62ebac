"""The tables of measurements, one for each table of the ring, and what their rows are called.

Nothing is gathered: memory beside the recordings themselves is the row in hand of each row key.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import partial

from lastgasp.report.export.boots import Booted
from lastgasp.report.export.columns import Column, Layout, Scale, Unit
from lastgasp.report.export.table import BOOT, NAME, PID, PROCESS, UPTIME, UTC, Field, I, R, Row, T, Table, Value
from lastgasp.report.export.thin import at_kept
from lastgasp.report.visible import visible
from lastgasp.timeline import changes
from lastgasp.timeline.changes import Change, Columns


def table_of(boots: list[Booted], layout: Layout) -> Table:
    """One table of the rings."""
    named = [BOOT, UPTIME, UTC]
    key: tuple[str, ...] = ("boot", "uptime_ms")
    if layout.key in ("process", "mapping"):
        named += [PROCESS, PID, NAME]
        key = ("process", "uptime_ms")
    if layout.key not in ("", "process"):
        named.append(Field(layout.key, T))
        key = (*key[:1], layout.key, key[1])
    for column in layout.columns:
        kind = {Unit.HUNDREDTHS: R, Unit.LETTER: T}.get(column.unit, I)
        named.append(Field(column.name, kind))
    return Table(layout.name, tuple(named), partial(_rows, boots, layout), key)


def _rows(boots: list[Booted], layout: Layout) -> Iterator[Row]:
    source = layout.source.encode()
    for one in boots:
        labels = {}
        sources = []
        for order, (key, all_series) in enumerate(one.boot.tables.get(source, {}).items()):
            label = label_of(layout, one, key)
            if label is not None:
                labels[order] = label
                sources.append(_kept(layout, one, key, changes.changes(one.boot, order, all_series)))
        pick = _Pick(layout, Scale(one.boot))
        for at_ms, order, columns, recorded in heapq.merge(*sources):
            values = pick.values(columns, recorded)
            if any(value is not None for value in values):
                yield one.number, at_ms, one.utc(at_ms), *labels[order], *values


def _kept(layout: Layout, one: Booted, key: bytes, found: Iterator[Change]) -> Iterator[Change]:
    """As many of the changes of a row as are exported."""
    if one.every_ms is None:
        return found
    said = ((at_ms, (order, columns, tuple(known))) for at_ms, order, columns, known in found)
    return ((at_ms, *what) for at_ms, what in at_kept(one.boot, one.samples, said, until_of(layout, one, key)))


def points(layout: Layout, one: Booted, key: bytes, column: Column) -> list[tuple[int, int | None]]:
    """Times (ms) and recorded values of one column of one row, as many of them as are exported."""
    found = changes.points(one.boot, layout.source, key, column.source, column.less)
    if one.every_ms is None:
        return found
    return list(at_kept(one.boot, one.samples, found, until_of(layout, one, key)))


def until_of(layout: Layout, one: Booted, key: bytes) -> int | None:
    """When what is known of a row's process ends; None: not before the boot's recording, or it is no process's."""
    return one.until.get(key.partition(b" ")[0]) if layout.key in ("process", "mapping") else None


def label_of(layout: Layout, one: Booted, key: bytes) -> Row | None:
    """What names a row of a table; None: it is none of a process that is known."""
    if layout.key not in ("process", "mapping"):
        return (visible(key),) if layout.key else ()
    owner, _, mapping = key.partition(b" ")
    number, process = one.ids.get(owner), one.boot.processes.get(owner)
    if number is None or process is None:
        return None
    label: Row = (number, process.pid, visible(process.name))
    return (*label, visible(mapping)) if layout.key == "mapping" else label


class _Pick:
    """The exported values out of a row's recorded ones."""

    def __init__(self, layout: Layout, scale: Scale) -> None:
        self.columns = layout.columns
        self.scale = scale
        self.places: dict[Columns, list[tuple[int, int]]] = {}

    def values(self, columns: Columns, recorded: Sequence[int | None]) -> list[Value]:
        places = self.places.get(columns)
        if places is None:
            where = {name: number for number, name in enumerate(columns)}
            places = [(where.get(column.source, -1), where.get(column.less, -1)) for column in self.columns]
            self.places[columns] = places
        found: list[Value] = []
        for column, (number, less) in zip(self.columns, places, strict=True):
            raw = recorded[number] if number >= 0 else None
            if column.less and raw is not None:
                other = recorded[less] if less >= 0 else None
                raw = None if other is None else raw - other
            found.append(None if raw is None else self.scale.value(raw, column.unit))
        return found
