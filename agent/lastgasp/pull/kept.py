"""The recording of one ring as it is kept: one file, whole at any time, and what has just come beside it.

Contract: see ``store``. A block is kept in its newest version. What was kept of a write number never silently becomes
something else: a device whose ring was put back to an earlier state is told (``Diverged``).
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lastgasp.pull import PullError
from lastgasp.pull.blocks import Pulled
from lastgasp.ring.format import CRC, FLAG_OPEN, HEADER, HEADER_SIZE
from lastgasp.ring.scan import Block, scan

SUFFIX, PART = ".lgr", ".part"
SLOT = 10  # place of the slot among a header's fields


@dataclass(frozen=True, slots=True)
class Held:
    """A block that is kept: where, and what tells it from others."""

    number: int
    write: int
    open: bool
    offset: int
    size: int
    path: Path


class Diverged(PullError):
    """The device's ring is not the one that went on from what is kept: it was put back to an earlier state."""

    def __init__(self, ring: int) -> None:
        super().__init__(f"ring {ring:016x} was put back to an earlier state on the device")
        self.ring = ring


class Ring:
    """The recording of one ring: what is there, and what comes."""

    def __init__(self, folder: Path, ring: int) -> None:
        """Raises OSError."""
        self.ring = ring
        self.path = folder / f"{ring:016x}{SUFFIX}"
        self._aside = folder / f"{ring:016x}{PART}"
        self.held: dict[int, Held] = {}  # by block number, the newest version
        self.writes: dict[int, Held] = {}
        self.newest = -1  # the highest of these
        for path in (self.path, self._aside):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                for block in scan(file).blocks:
                    self._hold(block, path)
        self.new = 0
        self._file: BinaryIO | None = None  # opened for the first block that comes

    def _hold(self, block: Block, path: Path) -> None:
        if block.ring_id == self.ring:
            self._keep(Held(block.number, block.write_number, block.open, block.offset, block.size, path))

    def _keep(self, one: Held) -> None:
        self.writes[one.write] = one
        self.newest = max(self.newest, one.write)
        other = self.held.get(one.number)
        if other is None or other.write < one.write:
            self.held[one.number] = one

    def add(self, block: Pulled) -> None:
        """Keep it, safe from our own end. Raises OSError, Diverged: what is kept of this write is another block."""
        known = self.writes.get(block.write)
        if known is not None:
            if self._read(known) != block.data:
                raise Diverged(self.ring)
            return
        if self._file is None:
            self._file = self._aside.open("ab")
        offset = self._file.tell()
        self._file.write(block.data)
        self._file.flush()
        is_open = bool(block.data[9] & FLAG_OPEN)
        self._keep(Held(block.number, block.write, is_open, offset, len(block.data), self._aside))
        self.new += 1

    def marks(self, most: int) -> dict[int, bytes]:
        """Of some writes, the newest first and then further and further apart, the CRC that ends their block."""
        return {one.write: self._read(one)[-CRC.size :] for one in self._some(most)}

    def places(self, most: int) -> list[int]:
        """The slots that these writes stood in."""
        return [HEADER.unpack_from(self._read(one))[SLOT] for one in self._some(most)]

    def _some(self, most: int) -> list[Held]:
        writes = sorted(self.writes, reverse=True)
        chosen = sorted({min(1 << step >> 1, len(writes) - 1) for step in range(most)}) if writes else []
        return [self.writes[writes[place]] for place in chosen]

    def header(self, write: int) -> bytes | None:
        """Of the block that is kept of this write; None: none is."""
        known = self.writes.get(write)
        return self._read(known)[:HEADER_SIZE] if known is not None else None

    def _read(self, one: Held) -> bytes:
        with one.path.open("rb") as file:
            file.seek(one.offset)
            return file.read(one.size)

    def ranges(self, complete: int) -> list[tuple[int, int]]:
        """Write numbers of which nothing is missing, the newest first, without the newest block.

        That one is worth asking for again: a power cut may have lost it on the device, and then another took its
        number. Those between two blocks that follow one another are older versions, unless the first is one itself.

        ``complete``: up to this write nothing is missing, for a pull brought all that there was; -1: none did.
        """
        found: list[tuple[int, int]] = []
        later: Held | None = None
        for number in sorted(self.held, reverse=True)[1:]:
            one = self.held[number]
            if one.write <= complete:
                break
            if later is not None and later.number == number + 1 and not one.open and one.write < found[-1][0]:
                found[-1] = one.write, found[-1][1]
            else:
                found.append((one.write, one.write))
            later = one
        known = min(complete, self.newest - 1)
        return [*found, (0, known)] if known >= 0 else found

    def set_aside(self) -> None:
        """Keep what there is under another name, and begin anew. Raises OSError."""
        self.finish()
        if self.path.exists():
            number = 1
            while (target := self.path.with_name(f"{self.ring:016x}-before-{number}{SUFFIX}")).exists():
                number += 1
            os.replace(self.path, target)

    @property
    def changed_s(self) -> float:
        """When something last came for it."""
        if self.new:
            return math.inf
        return max((path.stat().st_mtime for path in (self.path, self._aside) if path.exists()), default=0.0)

    def settle(self) -> None:
        """What came is on our own disk. Raises OSError."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def finish(self) -> None:
        """One file of it, in order, whole at any time. Raises OSError."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._aside.exists():
            return
        if self._aside.stat().st_size:
            target = self.path.with_suffix(".new")
            try:
                with target.open("wb") as file:
                    for data in self._blocks():
                        file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(target, self.path)
            except OSError:
                target.unlink(missing_ok=True)
                raise
        self._aside.unlink(missing_ok=True)

    def _blocks(self) -> Iterator[bytes]:
        with contextlib.ExitStack() as stack:
            files = {path: stack.enter_context(path.open("rb")) for path in {one.path for one in self.held.values()}}
            for number in sorted(self.held):
                one = self.held[number]
                files[one.path].seek(one.offset)
                yield files[one.path].read(one.size)
