"""Samples in, payload out: the bytes that go into a block (FORMAT.md, "Payload").

A *row* is one thing that has counters: the machine's meminfo, a disk, a process. The first time a row is
mentioned after ``reset()`` all its values are written; later only those that changed, as differences. So a
payload that starts at a reset can be decoded with nothing else at hand.

Memory: per mentioned row one ``bytes``, its values as varints, dropped by ``reset()``; the payload is bounded by
``relief``, which the encoder calls, between two records, when the payload has grown to ``soft_limit``: the
writer then takes some of it away with ``cut()``. No I/O here.
"""

from lastgasp.ring.format import (
    ATTRIBUTES,
    END,
    EVENT,
    KMSG,
    SAMPLE,
    SAMPLE_MORE,
    TABLE,
    put_bytes,
    put_signed,
    put_varint,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 1 << 63

# A sample is split into records of about this size, so that the writer can cut a payload between them …
RECORD_TARGET = 512
# … and remembers where, at about this distance.
MARK_DISTANCE = 256


class Table:
    """A kind of row: its name, its columns, and the rows mentioned since the last reset."""

    __slots__ = ("columns", "mask_size", "name", "number", "rows")

    def __init__(self, name: bytes, columns: tuple[bytes, ...]) -> None:
        self.name = name
        self.columns = columns
        self.mask_size = (len(columns) + 7) >> 3
        self.number = -1  # not yet defined in this payload
        self.rows: dict[object, bytes] = {}


class Encoder:
    """Builds the payload. Times are milliseconds on any clock that never goes back (the agent: since boot)."""

    __slots__ = (
        "_body", "_flags", "_next_row", "_next_table", "_now_ms", "_relief", "_tables", "base_ms", "last_ms", "marks",
        "payload", "soft_limit",
    )  # fmt: skip

    def __init__(self, relief: "Callable[[], None]") -> None:
        self._relief = relief
        self.soft_limit = 0
        self.payload = bytearray()
        self.base_ms = 0  # the first record's time counts from here
        self.last_ms = 0  # time of the last record
        self.marks: list[tuple[int, int]] = []  # where records end: offset in payload, last_ms there
        self._tables: list[Table] = []
        self._body = bytearray()
        self._flags = 0
        self._now_ms = 0
        self._next_row = 0
        self._next_table = 0

    def table(self, name: bytes, columns: tuple[bytes, ...]) -> Table:
        """Make a table known; it costs nothing in the ring until a row is mentioned. Replaces one of the same name."""
        table = Table(name, columns)
        self._tables = [other for other in self._tables if other.name != name]
        self._tables.append(table)
        return table

    def reset(self) -> None:
        """Forget all rows: what comes next can be decoded without what came before."""
        for table in self._tables:
            table.number = -1
            table.rows.clear()
        self._next_row = 0
        self._next_table = 0

    def cut(self, end: int, end_ms: int) -> None:
        """Drop the first ``end`` bytes of the payload, whose last record is of ``end_ms`` (a mark's two values)."""
        del self.payload[:end]
        self.marks = [(offset - end, at_ms) for offset, at_ms in self.marks if offset > end]
        self.base_ms = end_ms

    # -- samples ---------------------------------------------------------------------------------------

    def begin(self, now_ms: int, flags: int) -> None:
        """Start a sample taken at ``now_ms``; ``flags`` as SAMPLE_* in ``format``."""
        self._now_ms = now_ms
        self._flags = flags
        self._body.append(flags)

    def update(self, table: Table, ident: object, values: tuple[int | None, ...]) -> bool:
        """Write what changed in a row since its last mention.

        Returns False, and writes nothing, when the row must be introduced first: it was not mentioned since
        the last reset, a value appeared or went absent, or the difference needs more than 64 bits.
        """
        body = self._room()
        packed = table.rows.get(ident)
        if packed is None:
            return False
        number, old = unpack_row(packed)
        mask = 0
        bit = 1
        changes = bytearray()
        for a, b in zip(old, values, strict=False):
            if a != b:
                if a is None or b is None or not -LARGEST < b - a < LARGEST:
                    return False
                mask |= bit
                put_signed(changes, b - a)
            bit <<= 1
        if mask:
            put_varint(body, number + 1)
            body += mask.to_bytes(table.mask_size, "little")
            body += changes
            table.rows[ident] = pack_row(number, values)
        return True

    def introduce(self, table: Table, ident: object, key: bytes, label: bytes, values: tuple[int | None, ...]) -> None:
        """Mention a row with all its values. ``key`` names it for ever, ``label`` is what a person calls it."""
        body = self._room()
        if table.number < 0:
            self._define(table)
        body.append(0)
        put_varint(body, table.number)
        put_bytes(body, key)
        put_bytes(body, label)
        present = 0
        for i, v in enumerate(values):
            if v is not None:
                present |= 1 << i
        body += present.to_bytes(table.mask_size, "little")
        for v in values:
            if v is not None:
                put_signed(body, v)
        table.rows[ident] = pack_row(self._next_row, values)
        self._next_row += 1

    def end(self) -> None:
        """The sample is complete."""
        body = self._body
        self._body = bytearray()
        self._put(SAMPLE, self._now_ms, body)

    def _split(self) -> None:
        """Put away what there is of the open sample: rows may be forgotten once a record is put."""
        if len(self._body) > 1:
            self.end()
            self._body.append(self._flags | SAMPLE_MORE)

    def _room(self) -> bytearray:
        """The body of the open sample's record, a new one if it was full."""
        if len(self._body) > RECORD_TARGET:
            self._split()
        return self._body

    # -- everything else -------------------------------------------------------------------------------

    def attributes(self, now_ms: int, table: Table, key: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """What is known of a row beside its counters, such as a process's command line."""
        self._put_about(ATTRIBUTES, now_ms, table, key, pairs)

    def forget(self, table: Table, ident: object) -> None:
        """The next mention of this row will be an introduction: its label changed, or its ``ident`` is used anew."""
        table.rows.pop(ident, None)

    def gone(self, now_ms: int, table: Table, ident: object, key: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """A row's thing ended (a process exited); it is forgotten and its ``ident`` may be used anew."""
        self._put_about(END, now_ms, table, key, pairs)
        table.rows.pop(ident, None)

    def event(self, now_ms: int, kind: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """Something that happened at one instant: a start, a mark, a kill, a clock step."""
        self._split()
        body = bytearray()
        put_bytes(body, kind)
        put_pairs(body, pairs)
        self._put(EVENT, now_ms, body)

    def kmsg(self, now_ms: int, records: list[bytes]) -> None:
        """Records of the kernel log, each as /dev/kmsg gave it, without its last newline."""
        self._split()
        body = bytearray()
        for record in records:
            put_bytes(body, record)
        self._put(KMSG, now_ms, body)

    def _put_about(self, kind: int, now_ms: int, table: Table, key: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        self._split()
        if table.number < 0:
            self._define(table)
        body = bytearray()
        put_varint(body, table.number)
        put_bytes(body, key)
        put_pairs(body, pairs)
        self._put(kind, now_ms, body)

    def _define(self, table: Table) -> None:
        table.number = self._next_table
        self._next_table += 1
        body = bytearray()
        put_varint(body, table.number)
        body += table.name
        for column in table.columns:
            body.append(32)
            body += column
        self._put(TABLE, self._now_ms, body)

    def _put(self, kind: int, now_ms: int, body: bytearray) -> None:
        """Append one record; a clock that went back counts as standing still."""
        payload = self.payload
        if not payload and not self.marks:
            self.base_ms = self.last_ms = now_ms
        passed = bytearray()
        if now_ms > self.last_ms:
            put_varint(passed, now_ms - self.last_ms)
            self.last_ms = now_ms
        else:
            passed.append(0)
        payload.append(kind)
        put_varint(payload, len(passed) + len(body))
        payload += passed
        payload += body
        marks = self.marks
        if len(marks) > 1 and len(payload) - marks[-2][0] < MARK_DISTANCE:
            marks.pop()
        marks.append((len(payload), self.last_ms))
        if kind != TABLE and len(payload) >= self.soft_limit:
            self._relief()


def pack_row(number: int, values: tuple[int | None, ...]) -> bytes:
    """A row's number and values in little memory: a third of what 64 bits for each would take.

    Zigzag varints, absent ones as a zero behind a zero: 0 is written as 0 1.
    """
    out = bytearray()
    put_varint(out, number)
    for value in values:
        if value:
            put_signed(out, value)
        else:
            out.append(0)
            out.append(0 if value is None else 1)
    return bytes(out)


def unpack_row(packed: bytes) -> tuple[int, list[int | None]]:
    """The inverse of ``pack_row``."""
    numbers: list[int | None] = []
    value = shift = 0
    zero = False
    for byte in packed:
        if zero:
            numbers.append(0 if byte else None)
            zero = False
        elif byte > 127:
            value |= (byte & 127) << shift
            shift += 7
        elif byte == 0 and shift == 0 and numbers:
            zero = True
        else:
            value |= byte << shift
            numbers.append((value >> 1) ^ -(value & 1) if numbers else value)
            value = shift = 0
    return numbers[0] or 0, numbers[1:]


def put_pairs(out: bytearray, pairs: list[tuple[bytes, bytes]]) -> None:
    """Append names with their values."""
    for name, value in pairs:
        put_bytes(out, name)
        put_bytes(out, value)
