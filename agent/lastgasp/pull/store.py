"""What was pulled, kept: a folder a device, a file a ring, in the ring's own format.

Contract: blocks of different rings never meet in a file, nor those of different devices in a folder: a folder is named
by the host and by a number made of all that tells devices apart. A file is written aside, synced and moved in place,
so that it is always whole; what came of a pull that broke off, even by SIGKILL, is in ``.part`` beside it and is taken
over by the next. Two pulls of one device wait for one another. Nothing that a device says becomes a path.

    STORE/HOST-1a2b3c4d/.device.json            who it is, and the last pulls
    STORE/HOST-1a2b3c4d/00112233aabbccdd.lgr    its recording; a device that made a new ring has two
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lastgasp.pull import PullError
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.identity import Identity
from lastgasp.ring.format import FLAG_OPEN
from lastgasp.ring.scan import Block, scan

FACTS, FORMAT = ".device.json", 1
SUFFIX, PART, LOCK = ".lgr", ".part", ".lock"
PULLS = 100  # that are remembered
HOST_LETTERS = 40
HAVE_LETTERS = 2500


def default_folder() -> Path:
    """$XDG_DATA_HOME/lastgasp, as the XDG Base Directory Specification has it."""
    home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(home, "lastgasp")


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
        for path in (self.path, self._aside):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                for block in scan(file).blocks:
                    self._hold(block, path)
        self.new = 0
        self._file = self._aside.open("ab")

    def _hold(self, block: Block, path: Path) -> None:
        if block.ring_id == self.ring:
            self._keep(Held(block.number, block.write_number, block.open, block.offset, block.size, path))

    def _keep(self, one: Held) -> None:
        self.writes[one.write] = one
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
        offset = self._file.tell()
        self._file.write(block.data)
        self._file.flush()
        is_open = bool(block.data[9] & FLAG_OPEN)
        self._keep(Held(block.number, block.write, is_open, offset, len(block.data), self._aside))
        self.new += 1

    def _read(self, one: Held) -> bytes:
        with one.path.open("rb") as file:
            file.seek(one.offset)
            return file.read(one.size)

    def ranges(self) -> list[tuple[int, int]]:
        """Write numbers of which nothing is missing, the newest first, without the newest block.

        That one is worth asking for again: a power cut may have lost it on the device, and then another took its
        number. Those between two blocks that follow one another are older versions, unless the first is one itself.
        """
        found: list[tuple[int, int]] = []
        later: Held | None = None
        for number in sorted(self.held, reverse=True)[1:]:
            one = self.held[number]
            if later is not None and later.number == number + 1 and not one.open and one.write < found[-1][0]:
                found[-1] = one.write, found[-1][1]
            else:
                found.append((one.write, one.write))
            later = one
        return found

    def set_aside(self) -> None:
        """Keep what there is under another name, and begin anew. Raises OSError."""
        self.finish()
        if self.path.exists():
            number = 1
            while (target := self.path.with_name(f"{self.ring:016x}-before-{number}{SUFFIX}")).exists():
                number += 1
            os.replace(self.path, target)

    def settle(self) -> None:
        """What came is on our own disk. Raises OSError."""
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """One file of it, in order, whole at any time. Raises OSError."""
        self._file.close()
        if self._aside.stat().st_size:
            target = self.path.with_suffix(".new")
            with target.open("wb") as file:
                for data in self._blocks():
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(target, self.path)
        self._aside.unlink(missing_ok=True)

    def _blocks(self) -> Iterator[bytes]:
        with contextlib.ExitStack() as stack:
            files = {path: stack.enter_context(path.open("rb")) for path in {one.path for one in self.held.values()}}
            for number in sorted(self.held):
                one = self.held[number]
                files[one.path].seek(one.offset)
                yield files[one.path].read(one.size)


class Device:
    """The folder of one device; in a ``with`` it is ours alone, and what came is put in place at its end."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self.path = path
        self.facts = facts
        self._rings: dict[int, Ring] = {}
        self._lock = -1

    def __enter__(self) -> Device:
        """Raises OSError, PullError: another pull is at it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise PullError(f"{self.path}: another pull of this device is at work") from None
        self.facts = {**(_read(self.path) or {}), **self.facts}
        self._rings = {}
        for path in sorted({*self.path.glob(f"*{SUFFIX}"), *self.path.glob(f"*{PART}")}):
            if re.fullmatch("[0-9a-f]{16}", path.stem):
                self._ring(int(path.stem, 16))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for ring in self._rings.values():
                ring.finish()
            text = json.dumps({"lastgasp_device": FORMAT, **self.facts}, indent=1) + "\n"
            new = self.path / f"{FACTS}.new"
            new.write_text(text)
            os.replace(new, self.path / FACTS)
        finally:
            os.close(self._lock)

    def _ring(self, number: int) -> Ring:
        if number not in self._rings:
            self._rings[number] = Ring(self.path, number)
        return self._rings[number]

    def set_aside(self, ring: int) -> None:
        """What is kept of it goes under another name. Raises OSError."""
        self._ring(ring).set_aside()
        self._rings[ring] = Ring(self.path, ring)

    def newest(self, ring: int) -> int:
        """The highest write number that is kept; -1: none."""
        return max(self._rings[ring].writes, default=-1) if ring in self._rings else -1

    def check_newest(self, ring: int, write: int) -> None:
        """The device's newest write is this. Raises Diverged: newer ones are kept."""
        if write < self.newest(ring):
            raise Diverged(ring)

    def add(self, block: Pulled) -> None:
        """Keep a block. Raises OSError, Diverged."""
        self._ring(block.ring).add(block)

    def knows(self, ring: int, write: int) -> bool:
        """Is this write of this ring here, and not the newest, which is asked for again (``Ring.ranges``)?"""
        return ring in self._rings and write in self._rings[ring].writes and write != self.newest(ring)

    def known_since(self, ring: int, write: int) -> int | None:
        """The first write of those up to this one of which nothing is missing; None: this one is."""
        ranges = self._rings[ring].ranges() if ring in self._rings else []
        return next((first for first, last in ranges if first <= write <= last), None)

    def have(self) -> str:
        """What is here, for ``lastgasp-agent dump --have``; of very much the newest."""
        words: list[str] = []
        left = HAVE_LETTERS
        for number, ring in self._rings.items():
            ranges = [f"{a}-{b}" if a != b else str(a) for a, b in ring.ranges()]
            while ranges and len(",".join(ranges)) > left - 20:
                ranges.pop()
            if ranges:
                words.append(f"{number:x}:{','.join(ranges)}")
                left -= len(words[-1])
        return ";".join(words)

    def settle(self) -> None:
        """Everything that came is on our own disk. Raises OSError."""
        for ring in self._rings.values():
            ring.settle()

    @property
    def blocks(self) -> int:
        """How many are here."""
        return sum(len(ring.held) for ring in self._rings.values())

    @property
    def new(self) -> dict[Path, int]:
        """Files that something came for, with how many blocks."""
        return {ring.path: ring.new for ring in self._rings.values() if ring.new}

    @property
    def files(self) -> list[Path]:
        """All recordings, the one with the newest block last."""
        return [ring.path for ring in self._rings.values() if ring.held]

    def remember(self, wire: str, **figures: object) -> None:
        """Note a pull."""
        pulls = self.facts.setdefault("pulls", [])
        pulls.append({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "wire": wire, **figures})
        del pulls[:-PULLS]


def device(folder: Path, identity: Identity) -> Device:
    """The folder for this device."""
    return Device(folder / _name(identity.host, identity.key), asdict(identity))


def rename(device: Device, host: str) -> Path:
    """A device whose name was learnt from its recording: where it is then. Raises OSError."""
    _, _, key = device.path.name.rpartition("-")
    target = device.path.with_name(_name(host, key))
    if not target.exists():
        device.facts["host"] = host
        with device:
            pass  # notes the name
        os.replace(device.path, target)
    return target


def _name(host: str, key: str) -> str:
    letters = re.sub(r"[^A-Za-z0-9_-]", "-", host)[:HOST_LETTERS].strip("-")
    return f"{letters or 'device'}-{key}"


def devices(folder: Path) -> list[Device]:
    """All that were pulled from."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        facts = _read(path)
        if facts is not None:
            found.append(Device(path, facts))
    return found


def _read(path: Path) -> dict[str, Any] | None:
    """What is written of a device; None: nothing, or nothing that makes sense."""
    try:
        facts = json.loads((path / FACTS).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(facts, dict) or "lastgasp_device" not in facts:
        return None
    pulls = facts.get("pulls")
    facts["pulls"] = [one for one in pulls if isinstance(one, dict)] if isinstance(pulls, list) else []
    return {name: value for name, value in facts.items() if name != "lastgasp_device"}
