"""Payloads decoded: the inverse of ``encoder``, for the laptop.

``Decoder`` walks the records and tells a ``Sink`` what it finds. It never raises on any bytes: a record that
makes no sense is counted in ``undecodable`` and skipped by its length, an unknown kind is counted in ``unknown``.
Where rows may have been introduced in what was skipped, no row number is trusted any more.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from struct import pack
from typing import Protocol, Self

from lastgasp.ring.definition import TableDefinition
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
from lastgasp.ring.parts import byte_string, pairs, varint

# Signed integers by their varints of one byte; of two, by ``(second << 7) + first``: the first is 128 or more.
ONE_BYTE = tuple((n >> 1) ^ -(n & 1) for n in range(128))
TWO_BYTES = (0,) * 128 + tuple((n >> 1) ^ -(n & 1) for n in range(1 << 14))
THREE_BYTES = (128 << 7) + 128  # the two highest bits, which say that more follows, when three are added like that
TABLES_REMEMBERED = 256
FEW = 32  # values: from so many on it is faster to pack them
FAR = 1 << 62  # no number of differences of one or two bytes takes a value from below this beyond 64 bits
Pairs = list[tuple[bytes, bytes]]


class Series:
    """The values of one row over time: ``at[i]`` (sample times, ms) with ``width`` values in ``flat`` each.

    A value that was absent is ``format.ABSENT``. Values hold from their time until the next one.

    ``new_at`` and ``new`` are what a decoder found in the payload that it is at: lists grow five times as fast as
    arrays, but take five times the memory. ``Decoder.feed`` leaves nothing there.
    """

    __slots__ = ("at", "columns", "flat", "new", "new_at", "width")

    def __init__(self, columns: tuple[bytes, ...]) -> None:
        self.columns = columns
        self.width = len(columns)
        self.at = array("q")
        self.flat = array("q")
        self.new_at: list[int] = []
        self.new: list[int] = []

    def append(self, at_ms: int, values: Sequence[int]) -> None:
        """Add one point."""
        self.at.append(at_ms)
        self.flat.extend(values)

    def settle(self) -> None:
        """Move what is new to where it belongs. (Of many, ``array.fromlist`` takes twice as long; of few, half.)"""
        for into, new in ((self.at, self.new_at), (self.flat, self.new)):
            if len(new) < FEW:
                into.fromlist(new)
            else:
                into.frombytes(pack(f"{len(new)}q", *new))
        self.new_at.clear()
        self.new.clear()


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


class Growing(Protocol):
    """A list of values, or what stands in for one."""

    def __iadd__(self, values: list[int], /) -> Self: ...


class Guarded:
    """Stands in for the ``new`` of a row with a value from which a small difference leads beyond 64 bits."""

    __slots__ = ("series",)

    def __init__(self, series: Series) -> None:
        self.series = series

    def __iadd__(self, values: list[int], /) -> Self:
        """Add the values of a point. Raises OverflowError."""
        array("q", values)
        self.series.new += values
        return self


# Of a row: its table, the table's masks and bytes in a mask, the row's last values, new_at and new of its series.
Row = tuple[TableDefinition, dict[int | bytes, tuple[int, ...]], int, list[int], list[int], Growing, Series]


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
        self._known: dict[bytes, TableDefinition] = {}  # by their definitions: each key block has them again

    def reset(self, blind: bool) -> None:
        """A key block begins, or (``blind``) blocks are missing."""
        self._tables = {}
        self._rows = []
        self.blind = blind

    def feed(self, raw: bytes, base_ms: int) -> int:
        """Decode one payload whose times count from ``base_ms``. Returns the time of its last record."""
        now = self._records(raw, base_ms)
        for row in self._rows:
            if row[4]:
                row[6].settle()
        return now

    def _records(self, raw: bytes, base_ms: int) -> int:
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
            self._tables[number] = self._defined(raw[p:end])
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

    def _defined(self, text: bytes) -> TableDefinition:
        table = self._known.get(text)
        if table is None:
            if len(self._known) >= TABLES_REMEMBERED:
                self._known.clear()
            name, *columns = text.split(b" ")
            table = self._known[text] = TableDefinition(name, tuple(columns))
        return table

    def _sample(self, raw: bytes, now: int) -> None:
        """The hot loop of opening a recording: one turn a changed row, one inner turn a changed value.

        The interpreter has faster ways for lists, tuples and local variables than for bytes and attributes.
        """
        one_byte, two_bytes, rows = ONE_BYTE, TWO_BYTES, self._rows
        body = list(raw)
        self.sink.sample(now, body[0])
        p, size = 1, len(body)
        if now >> 63 and size > 1 and body[1]:
            raise OverflowError("a time beyond 64 bits")
        while p < size:
            reference = body[p]
            p += 1
            if reference > 127:
                reference, p = varint(raw, p - 1)
            if not reference:
                p = self._introduction(raw, body, p, now)
                continue
            table, masks, mask_size, values, new_at, new, series = rows[reference - 1]
            mask: int | bytes
            if mask_size == 1:
                mask = body[p]
                p += 1
            else:
                mask = raw[p : p + mask_size]
                p += mask_size
            columns = masks[mask] if mask in masks else table.chosen(raw[p - mask_size : p])
            for column in columns:
                byte = body[p]
                if byte < 128:
                    values[column] += one_byte[byte]
                    p += 1
                elif (second := body[p + 1]) < 128:
                    values[column] += two_bytes[(second << 7) + byte]
                    p += 2
                else:
                    value, p = varint(raw, p)
                    values[column] += (value >> 1) ^ -(value & 1)
                    if not -FAR < values[column] < FAR:
                        new = Guarded(series)
                        rows[reference - 1] = (table, masks, mask_size, values, new_at, new, series)
            new_at.append(now)
            new += values

    def _introduction(self, raw: bytes, body: list[int], p: int, now: int) -> int:
        """A row begins; returns the position behind it. There are 20 in a hundred samples, with many values each."""
        one_byte, two_bytes = ONE_BYTE, TWO_BYTES
        number, p = varint(raw, p)
        table = self._tables[number]
        key, p = byte_string(raw, p, len(raw))
        label, p = byte_string(raw, p, len(raw))
        mask = raw[p : p + table.size]
        columns = table.masks.get(body[p] if table.size == 1 else mask) or table.chosen(mask)
        p += table.size
        values = [ABSENT] * len(table.columns)
        far = False
        for column in columns:
            byte = body[p]
            if byte < 128:
                values[column] = one_byte[byte]
                p += 1
            elif (second := body[p + 1]) < 128:
                values[column] = two_bytes[(second << 7) + byte]
                p += 2
            else:
                if (third := body[p + 2]) < 128:
                    value = (third << 14) + (second << 7) + byte - THREE_BYTES
                    p += 3
                else:
                    value, p = varint(raw, p)
                    far = far or value >> 63 > 0
                values[column] = (value >> 1) ^ -(value & 1)
        series = self.sink.series(table, key, label)
        if now >> 63:
            raise OverflowError("a time beyond 64 bits")
        new: Growing = Guarded(series) if far else series.new
        table = table.with_only(int.from_bytes(mask, "little"))
        self._rows.append((table, table.masks, table.size, values, series.new_at, new, series))
        series.new_at.append(now)
        new += values
        return p
