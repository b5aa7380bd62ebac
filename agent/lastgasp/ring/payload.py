"""Payloads decoded: the inverse of ``encoder``, for the laptop.

``Decoder`` walks the records and tells a ``Sink`` what it finds. It never raises on any bytes: a record that
makes no sense is counted in ``undecodable`` and skipped by its length, an unknown kind is counted in ``unknown``.
Where rows may have been introduced in what was skipped, no row number is trusted any more.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

from lastgasp.ring.format import (
    ABSENT,
    ATTRIBUTES,
    END,
    EVENT,
    KMSG,
    SAMPLE,
    SAMPLE_MORE,
    TABLE,
)

ZIGZAG = tuple((n >> 1) ^ -(n & 1) for n in range(128))
MASKS_REMEMBERED = 4096
Pairs = list[tuple[bytes, bytes]]


class Series:
    """The values of one row over time: ``at[i]`` (sample times, ms) with ``width`` values in ``flat`` each.

    A value that was absent is ``format.ABSENT``. Values hold from their time until the next one.
    """

    __slots__ = ("at", "columns", "flat", "width")

    def __init__(self, columns: tuple[bytes, ...]) -> None:
        self.columns = columns
        self.width = len(columns)
        self.at = array("q")
        self.flat = array("q")

    def append(self, at_ms: int, values: Sequence[int]) -> None:
        """Add one point."""
        self.at.append(at_ms)
        self.flat.extend(values)


class Sink(Protocol):
    """Who wants to know. ``at_ms`` is CLOCK_BOOTTIME in ms of the boot that wrote the payload."""

    def series(self, table: TableDefinition, key: bytes, label: bytes) -> Series:
        """A row is introduced: where do its values go?"""

    def sample(self, at_ms: int, flags: int) -> None:
        """A sample, or its continuation, begins."""

    def attributes(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        """Names and values that describe a row."""

    def gone(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        """A row's thing ended."""

    def event(self, at_ms: int, kind: bytes, pairs: Pairs) -> None:
        """Something happened."""

    def kmsg(self, at_ms: int, records: list[bytes]) -> None:
        """The kernel said something."""


class TableDefinition:
    """A table as the payload defines it: names in order. ``present`` are the columns that a mask may choose."""

    __slots__ = ("columns", "masks", "name", "present", "size", "some")

    def __init__(self, name: bytes, columns: tuple[bytes, ...], present: int = -1) -> None:
        self.name = name
        self.columns = columns
        self.size = (len(columns) + 7) >> 3
        self.present = present & (1 << len(columns)) - 1
        self.masks: dict[int, tuple[int, ...]] = {}
        self.some: dict[int, TableDefinition] = {}

    def chosen(self, mask: int) -> tuple[int, ...]:
        """Column numbers of the bits set in ``mask``."""
        known = self.masks.get(mask)
        if known is None:
            known = tuple(i for i in range(len(self.columns)) if mask >> i & 1)
            if mask & ~self.present:
                raise ValueError("a column that the table does not have, or a difference to an absent value")
            if len(self.masks) < MASKS_REMEMBERED:
                self.masks[mask] = known
        return known

    def with_only(self, present: int) -> TableDefinition:
        """The table as rows have it whose other columns are absent."""
        if present == self.present:
            return self
        if present not in self.some:
            self.some[present] = TableDefinition(self.name, self.columns, present)
        return self.some[present]


Row = tuple[TableDefinition, list[int], Series]


class Decoder:
    """Decodes payloads one after another; state lasts from key block to key block.

    After a hole, or a record that makes no sense, the decoder is *blind* until the next key block: rows are numbered
    by their order, so a row number cannot be trusted once an introduction may be missing. Events and kernel messages
    need no state.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.undecodable = 0  # records
        self.unknown = 0  # records of a kind this version does not know
        self.unseen = 0  # samples that could not be decoded while blind
        self.blind = True
        self._tables: dict[int, TableDefinition] = {}
        self._rows: list[Row] = []

    def reset(self, blind: bool) -> None:
        """A key block begins, or (``blind``) blocks are missing."""
        self._tables = {}
        self._rows = []
        self.blind = blind

    def feed(self, raw: bytes, base_ms: int) -> int:
        """Decode one payload whose times count from ``base_ms``. Returns the time of its last record."""
        p, now, size = 0, base_ms, len(raw)
        try:
            while p < size:
                kind, p = varint(raw, p)
                length, p = varint(raw, p)
                end = p + length
                if end > size:
                    raise IndexError
                passed, body = varint(raw, p)
                if body > end:
                    raise IndexError
                now += passed
                try:
                    self._record(kind, raw, body, end, now)
                except (IndexError, ValueError, KeyError, OverflowError):
                    self.undecodable += 1
                    self.blind = self.blind or kind in (SAMPLE, TABLE)
                p = end
        except (IndexError, ValueError):
            self.undecodable += 1
            self.blind = True
        return now

    def _record(self, kind: int, raw: bytes, p: int, end: int, now: int) -> None:
        if self.blind and kind in (SAMPLE, TABLE, ATTRIBUTES, END):
            self.unseen += kind == SAMPLE and not (p < end and raw[p] & SAMPLE_MORE)
        elif kind == SAMPLE:
            self._sample(raw[p:end], now)
        elif kind == TABLE:
            number, p = varint(raw[:end], p)
            names = raw[p:end].split(b" ")
            self._tables[number] = TableDefinition(names[0], tuple(names[1:]))
        elif kind in (ATTRIBUTES, END):
            number, p = varint(raw, p)
            key, p = byte_string(raw, p, end)
            tell = self.sink.attributes if kind == ATTRIBUTES else self.sink.gone
            tell(now, self._tables[number], key, pairs(raw, p, end))
        elif kind == EVENT:
            name, p = byte_string(raw, p, end)
            self.sink.event(now, name, pairs(raw, p, end))
        elif kind == KMSG:
            records = []
            while p < end:
                record, p = byte_string(raw, p, end)
                records.append(record)
            self.sink.kmsg(now, records)
        else:
            self.unknown += 1

    def _sample(self, body: bytes, now: int) -> None:
        """The hot loop of opening a recording: one turn a changed row, one inner turn a changed value."""
        zigzag, rows = ZIGZAG, self._rows
        self.sink.sample(now, body[0])
        p, size = 1, len(body)
        while p < size:
            reference = body[p]
            p += 1
            if reference > 127:
                reference, p = varint(body, p - 1)
            if not reference:
                p = self._introduction(body, p, now)
                continue
            table, values, series = rows[reference - 1]
            if table.size == 1:
                mask = body[p]
                p += 1
            else:
                mask = int.from_bytes(body[p : p + table.size], "little")
                p += table.size
                if p > size:
                    raise IndexError
            columns = table.masks.get(mask)
            if columns is None:
                columns = table.chosen(mask)
            for column in columns:
                byte = body[p]
                p += 1
                if byte < 128:
                    values[column] += zigzag[byte]
                else:
                    value = byte & 127
                    shift = 7
                    while True:
                        byte = body[p]
                        p += 1
                        value |= (byte & 127) << shift
                        if byte < 128:
                            break
                        shift += 7
                    values[column] += (value >> 1) ^ -(value & 1)
            series.at.append(now)
            series.flat.extend(values)

    def _introduction(self, body: bytes, p: int, now: int) -> int:
        number, p = varint(body, p)
        table = self._tables[number]
        key, p = byte_string(body, p, len(body))
        label, p = byte_string(body, p, len(body))
        mask = int.from_bytes(body[p : p + table.size], "little")
        columns = table.chosen(mask)
        p += table.size
        if p > len(body):
            raise IndexError
        values = [ABSENT] * len(table.columns)
        for column in columns:
            value, p = varint(body, p)
            values[column] = (value >> 1) ^ -(value & 1)
        series = self.sink.series(table, key, label)
        self._rows.append((table.with_only(mask), values, series))
        series.append(now, values)
        return p


def varint(data: bytes, p: int) -> tuple[int, int]:
    """The unsigned LEB128 integer at ``p`` and the position behind it. Raises IndexError, ValueError (> 64 bits)."""
    byte = data[p]
    p += 1
    if byte < 128:
        return byte, p
    value, shift = byte & 127, 7
    while True:
        byte = data[p]
        p += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                raise ValueError("varint over 64 bits")
            return value, p
        shift += 7
        if shift > 63:
            raise ValueError("varint over 64 bits")


def byte_string(data: bytes, p: int, end: int) -> tuple[bytes, int]:
    """A length and so many bytes. Raises IndexError where that reaches beyond ``end``."""
    length, p = varint(data, p)
    if p + length > end:
        raise IndexError("byte string beyond its record")
    return data[p : p + length], p + length


def pairs(data: bytes, p: int, end: int) -> Pairs:
    """Names with values up to ``end``."""
    found = []
    while p < end:
        name, p = byte_string(data, p, end)
        value, p = byte_string(data, p, end)
        found.append((name, value))
    return found
