"""What a file holds, in the canonical text of ``reader.c``: once by Python's own scan and Decoder, once by that reader.

``program`` compiles it, with the sanitizers where the compiler has them.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import lastgasp.ring
from lastgasp.ring.definition import TableDefinition
from lastgasp.ring.format import ABSENT
from lastgasp.ring.payload import Decoder, Pairs, Series
from lastgasp.ring.scan import Block, scan
from lastgasp.timeline.load import newest_versions

SOURCE = Path(__file__).with_name("reader.c")
DICTIONARY = Path(lastgasp.ring.__file__).with_name("dictionary-1.bin")
FLAGS = ["-std=c99", "-pedantic", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def program(folder: Path) -> Path:
    """The compiled reader. Skips the test where it cannot be compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    reader = folder / "reader"

    def compiles(source: str, *flags: str) -> bool:
        command = [compiler, "-x", "c", *flags, "-o", str(reader), "-", "-lz"]
        return subprocess.run(command, input=source, text=True, capture_output=True, check=False).returncode == 0

    if not compiles("#include <zlib.h>\nint main(void) { return zlibVersion() == 0; }"):
        pytest.skip("no zlib.h (Debian: zlib1g-dev)")
    sanitizers = SANITIZERS if compiles("int main(void) { return 0; }", *SANITIZERS) else []
    subprocess.run([compiler, *FLAGS, *sanitizers, "-o", str(reader), str(SOURCE), "-lz"], check=True)
    return reader


def by_c(reader: Path, file: Path) -> str:
    """What the reader in C makes of a file."""
    done = subprocess.run([reader, DICTIONARY, file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def by_python(data: bytes) -> str:
    """What Python makes of a file with these bytes."""
    return "".join(line + "\n" for line in _lines(data))


def _lines(data: bytes) -> Iterator[str]:
    file = io.BytesIO(data)
    scanned = scan(file)
    if scanned.newer:
        yield f"{scanned.newer} blocks of a newer version"
    for ring_id in sorted({block.ring_id for block in scanned.blocks}):
        yield f"ring {ring_id:016x}"
        yield from _ring(file, newest_versions(block for block in scanned.blocks if block.ring_id == ring_id))


def _ring(file: io.BytesIO, blocks: list[Block]) -> Iterator[str]:
    sink = Text()
    decoder = Decoder(sink)
    last: Block | None = None
    end_ms = 0
    for block in blocks:
        if last is not None and block.number > last.number + 1:
            yield f"missing {last.number + 1} to {block.number - 1}"
        clock_ms = block.uptime_ns // 1_000_000
        if block.key:
            decoder.reset(blind=False)
        elif last is None or block.number > last.number + 1 or (last.open and end_ms != clock_ms):
            decoder.reset(blind=True)
        yield (
            f"block {block.number} write {block.write_number} flags {block.flags} boot {block.boot_id.hex()}"
            f" clock {block.uptime_ns} wall {block.realtime_ns}{' rows unknown' * decoder.blind}"
        )
        last = block
        try:
            payload = block.payload(file)
        except ValueError:
            yield "a payload that cannot be unpacked"
            decoder.reset(blind=True)
            continue
        undecodable = decoder.undecodable
        end_ms = decoder.feed(payload, clock_ms)
        yield from sink.lines
        sink.lines.clear()
        if decoder.undecodable > undecodable:
            yield f"{decoder.undecodable - undecodable} records that cannot be decoded"


class Text:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def series(self, table: TableDefinition, key: bytes, label: bytes) -> Series:
        return Row(self.lines, table, key, label)

    def sample(self, at_ms: int, flags: int) -> None:
        self.lines.append(f"sample {at_ms * 10**6} flags {flags}")

    def attributes(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        self.lines.append(f"attributes {at_ms * 10**6} {escaped(table.name)} {quoted(key)}{_pairs(pairs)}")

    def gone(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        self.lines.append(f"end {at_ms * 10**6} {escaped(table.name)} {quoted(key)}{_pairs(pairs)}")

    def event(self, at_ms: int, kind: bytes, pairs: Pairs) -> None:
        self.lines.append(f"event {at_ms * 10**6} {quoted(kind)}{_pairs(pairs)}")

    def kmsg(self, at_ms: int, records: list[bytes]) -> None:
        self.lines += [f"kmsg {at_ms * 10**6} {quoted(record)}" for record in records]


class Row(Series):
    """A series that is written down value by value."""

    def __init__(self, lines: list[str], table: TableDefinition, key: bytes, label: bytes) -> None:
        super().__init__(table.columns)
        self.lines = lines
        self.names = f" {escaped(table.name)} {quoted(key)} {quoted(label)}"
        self.new = self  # type: ignore[assignment]  # the decoder adds to it

    def __iadd__(self, values: Sequence[int]) -> Row:
        array("q", values)  # raises OverflowError, should the decoder not have
        self.lines.append(self.names + named(self.columns, values))
        return self

    def settle(self) -> None:
        self.new_at.clear()


def named(columns: Sequence[bytes], values: Sequence[int]) -> str:
    """The values that are present, with their columns."""
    return "".join(f" {escaped(name)}={v}" for name, v in zip(columns, values, strict=True) if v != ABSENT)


def escaped(text: bytes) -> str:
    return "".join(chr(b) if 32 <= b <= 126 and b not in b'"\\' else f"\\x{b:02x}" for b in text)


def quoted(text: bytes) -> str:
    return f'"{escaped(text)}"'


def _pairs(pairs: Pairs) -> str:
    return "".join(f" {quoted(name)}={quoted(value)}" for name, value in pairs)
