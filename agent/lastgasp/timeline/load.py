"""Files into recordings: scan, order, decode.

Every failure that a user can do something about is a ``LoadError`` of one line; damage inside a ring is none, it
is told in the ``Recording``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from lastgasp.ring.definition import TableDefinition
from lastgasp.ring.format import SAMPLE_MORE, SAMPLE_PROCESSES, SAMPLE_SYSTEM, VERSION
from lastgasp.ring.payload import Decoder, Pairs, Series
from lastgasp.ring.scan import Block, Scan, scan
from lastgasp.ring.source import STDIN, SourceError, opened
from lastgasp.timeline.folder import below
from lastgasp.timeline.model import Boot, Event, Gap, Message, Process, Recording

LOOKED_AT = 1 << 18  # bytes at the beginning of what may be a log
KERNEL_LOG = re.compile(
    rb"^(?:<\d+>)?\[ *\d+\.\d{6}\] |^\d{1,3},\d+,\d+,[-c+]|\bkernel: |invoked oom-killer: |Out of memory: Kill", re.M
)


class LoadError(Exception):
    """Not a recording, or not readable; str() is the line to show."""


class NoRecording(LoadError):
    """It could be read and holds something, but no block of a ring: perhaps a text log."""


def load(path: str) -> list[Recording]:
    """The recordings in a file, plain or gzip, or in all files below a folder that hold one; "-" is standard input.

    Raises LoadError.
    """
    with _told(path):
        if path != STDIN and stat.S_ISDIR(os.stat(path).st_mode):
            return _load_folder(path)
        with opened(path) as file:
            return _load_file(file, path)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What goes wrong in here is told of this path."""
    try:
        yield
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}") from None
    except SourceError as error:
        raise LoadError(f"{path}: {error}") from None


def _load_folder(path: str) -> list[Recording]:
    found = []
    files, closed = below(path)
    if closed:
        _, why = closed[0]
        raise LoadError(why)
    for one in files:
        with _told(one), opened(one) as file:
            scanned = scan(file)
            if scanned.blocks:
                found += decode(file, one, scanned)
    if not found:
        raise LoadError(f"{path}: no file in this folder holds a recording")
    return found


def _load_file(file: BinaryIO, name: str) -> list[Recording]:
    scanned = scan(file)
    if not scanned.blocks:
        raise _nothing(name, scanned, file)
    return decode(file, name, scanned)


def _nothing(name: str, scanned: Scan, file: BinaryIO) -> LoadError:
    if scanned.newer:
        why = f"written by a newer lastgasp (ring format {scanned.newest_version}; this one reads {VERSION}): upgrade"
    elif not scanned.size:
        why = "empty file, not a recording; was the agent ever started, and the copy completed?"
    elif scanned.blank:
        why = "a ring that nothing was written to yet; the agent fills its first block before it writes (or: flush)"
    elif scanned.empty_bytes == scanned.size:
        why = f"{scanned.size} bytes of nothing but zeros or ones: erased flash, or a copy that failed"
    elif _is_kernel_log(file):
        return NoRecording(f"{name}: a kernel log by the look of it, and no recording; to read it: lastgasp oom {name}")
    else:
        said = f"no recording in these {scanned.size} bytes; a ring holds blocks that begin with 'lastgasp'"
        return NoRecording(f"{name}: {said}")
    return LoadError(f"{name}: {why}")


def _is_kernel_log(file: BinaryIO) -> bool:
    """Does a line of it begin as those of dmesg, /dev/kmsg and syslog do, or tell of an OOM kill?"""
    file.seek(0)
    return KERNEL_LOG.search(file.read(LOOKED_AT)) is not None


def decode(file: BinaryIO, name: str, scanned: Scan) -> list[Recording]:
    """One recording for each ring whose blocks were found."""
    rings: dict[int, list[Block]] = {}
    for block in scanned.blocks:
        rings.setdefault(block.ring_id, []).append(block)
    return [_decode_ring(file, name, scanned, ring_id, blocks) for ring_id, blocks in rings.items()]


def newest_versions(blocks: Iterable[Block]) -> list[Block]:
    """Of each block its last version, in the order they were begun."""
    newest: dict[int, Block] = {}
    for block in blocks:
        other = newest.get(block.number)
        if other is None or other.write_number < block.write_number:
            newest[block.number] = block
    return [newest[number] for number in sorted(newest)]


def _decode_ring(file: BinaryIO, name: str, scanned: Scan, ring_id: int, blocks: list[Block]) -> Recording:
    chosen = newest_versions(blocks)
    recording = Recording(
        name,
        ring_id,
        [],
        size=scanned.size,
        slots=chosen[-1].slots,
        block_size=chosen[-1].size,
        blank=scanned.blank,
        damaged=scanned.damaged,
        newer=scanned.newer,
    )
    builder = Builder(recording)
    previous: Block | None = None
    for block in chosen:
        try:
            raw = block.payload(file)
        except ValueError:
            builder.broken += 1
            continue
        missing = block.number - previous.number - 1 if previous is not None else 0
        if previous is not None and previous.open and not missing and not builder.goes_on_in(block):
            missing = 1  # of the block before only an early version is left
        recording.missing += missing
        builder.block(block, raw, missing)
        previous = block
    builder.finish()
    recording.cut_bytes = _cut_bytes(chosen, scanned.size)
    recording.blocks = len(chosen)
    oldest = min(block.write_number for block in blocks) if chosen[0].number else 0  # a ring that came round, or not
    recording.writes = max(block.write_number for block in blocks) - oldest + 1
    return recording


def _cut_bytes(blocks: list[Block], size: int) -> int:
    """How much of the ring is beyond the end of the file; 0 where its blocks do not lie side by side.

    What was pulled holds blocks only: it may begin behind the ring's beginning, or end where the ring was blank.
    """
    begins = {block.offset - block.slot * block.size for block in blocks}
    begin = begins.pop()
    blank_behind = blocks[0].number == 0 and blocks[-1].offset + blocks[-1].size == size
    if begins or begin < 0 or blank_behind:
        return 0
    return max(begin + blocks[-1].slots * blocks[-1].size - size, 0)


class Builder:
    """The decoder's sink: fills boots."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.decoder = Decoder(self)
        self.broken = 0  # blocks whose payload is not what they promise
        self.boot = Boot(b"")
        self._end_ms = 0  # of the last block's last record
        self._kmsg_seen: set[bytes] = set()

    def goes_on_in(self, block: Block) -> bool:
        """Does ``block`` need nothing that was written behind the last record that there is?"""
        return block.key or block.uptime_ns // 1_000_000 == self._end_ms

    def block(self, block: Block, raw: bytes, missing: int) -> None:
        """The next one and its payload; ``missing`` are those that should stand before it."""
        base_ms = block.uptime_ns // 1_000_000
        if not self.recording.boots or block.boot_id != self.boot.boot_id:
            self._extend_gap(self.boot.last_ms)
            self.boot = Boot(block.boot_id)
            self.boot.first_ms = base_ms
            self.recording.boots.append(self.boot)
            self._kmsg_seen = set()
        elif missing:
            self.boot.gaps.append(Gap(self.boot.last_ms, base_ms, missing))
        if block.key:
            self._extend_gap(base_ms)
            self.decoder.reset(blind=False)
        elif missing:
            self.decoder.reset(blind=True)
        boot = self.boot
        boot.recovered += block.recovered
        boot.offsets.append((base_ms, block.realtime_ns - block.uptime_ns))
        self._end_ms = base_ms
        self.more(raw)

    def more(self, raw: bytes) -> None:
        """Whole records behind those that were decoded last."""
        self._end_ms = self.decoder.feed(raw, self._end_ms)
        self.boot.last_ms = max(self.boot.last_ms, self._end_ms)

    def _extend_gap(self, to_ms: int) -> None:
        """What could not be decoded for want of the missing blocks belongs to the gap that they left."""
        gaps = self.boot.gaps
        if self.decoder.blind and gaps:
            gaps[-1] = replace(gaps[-1], to_ms=to_ms)

    def finish(self) -> None:
        """Make the recording one that can be used; it may go on behind that."""
        self._extend_gap(self.boot.last_ms)
        recording = self.recording
        for boot in recording.boots:
            for rows in boot.tables.values():
                for key, all_series in rows.items():
                    # A value beyond 64 bits leaves a series without one that belongs to each of its times.
                    rows[key] = [series for series in all_series if len(series.flat) == len(series.at) * series.width]
        recording.undecodable = self.broken + self.decoder.undecodable
        recording.unseen = self.decoder.unseen
        events = recording.boots[-1].events
        recording.clean_stop = bool(events) and events[-1].kind == "stop"

    # -- what the decoder tells --------------------------------------------------------------------------

    def series(self, table: TableDefinition, key: bytes, label: bytes) -> Series:
        """The series of a row: the one there is, or a new one when the table has other columns by now."""
        all_series = self.boot.tables.setdefault(table.name, {}).setdefault(key, [])
        if table.name == b"process":
            process = self._process(key)
            if label not in process.names[-1:]:
                process.names.append(label)
        if not all_series or all_series[-1].columns != table.columns:
            all_series.append(Series(table.columns))
        return all_series[-1]

    def sample(self, at_ms: int, flags: int) -> None:
        """One sample. Its continuations are not counted again, nor rows that the agent wrote of itself."""
        if not flags & (SAMPLE_SYSTEM | SAMPLE_PROCESSES):
            return
        at = self.boot.sample_at
        if flags & SAMPLE_MORE and at and at[-1] == at_ms:
            return
        at.append(at_ms)
        self.boot.sample_flags.append(flags & ~SAMPLE_MORE)

    def attributes(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        """What is known of a process."""
        if table.name == b"process":
            process = self._process(key)
            process.attributes.update((name.decode("ascii", "replace"), value) for name, value in pairs)

    def gone(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        """A process ended, or a mapping is no longer among the largest."""
        if table.name == b"process":
            process = self._process(key)
            if (b"untracked", b"1") in pairs:  # the agent had no room for it any more
                process.untracked_ms = at_ms
                return
            process.gone_ms = at_ms
            code = dict(pairs).get(b"exit_code")
            process.exit_code = int(code) if code is not None else None
        else:
            self.boot.ended.setdefault((table.name, key), []).append(at_ms)

    def event(self, at_ms: int, kind: bytes, pairs: Pairs) -> None:
        """Something happened."""
        values = {name.decode("ascii", "replace"): value for name, value in pairs}
        self.boot.events.append(Event(at_ms, kind.decode("ascii", "replace"), values))
        if kind == b"clock":
            for moment, name in ((at_ms - 1, "from"), (at_ms, "to")):
                if values.get(name, b"").lstrip(b"-").isdigit():
                    self.boot.offsets.append((moment, int(values[name])))

    def kmsg(self, at_ms: int, records: list[bytes]) -> None:
        """Kernel messages; an agent that was restarted reads some of them again."""
        for record in records:
            if record not in self._kmsg_seen:
                self._kmsg_seen.add(record)
                self.boot.messages.append(Message(at_ms, record))

    def _process(self, key: bytes) -> Process:
        process = self.boot.processes.get(key)
        if process is None:
            process = self.boot.processes[key] = Process(key)
        return process
