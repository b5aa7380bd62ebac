"""What was pulled, kept: a folder a device, a file a ring, in the ring's own format.

Contract: blocks of different rings never meet in a file, nor those of different devices in a folder: a folder is named
by the host and by a number made of all that tells devices apart. A file is written aside, synced and moved in place,
so that it is always whole; what came of a pull that broke off, even by SIGKILL, is in ``.part`` beside it and is taken
over by the next. Of two pulls of one device the second is refused. Nothing that a device says becomes a path.

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
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lastgasp.pull import PullError
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.identity import Identity
from lastgasp.pull.kept import PART, SUFFIX, Diverged, Ring

FACTS, FORMAT = ".device.json", 1
LOCK = ".lock"
PULLS = 100  # that are remembered
HOST_LETTERS = 40
HAVE_LETTERS = 2000  # of a command; with MARKED_RINGS * MARKS * 20 it has to fit into one line
MARKS, MARKED_RINGS = 8, 4  # writes that are held against the device's, of how many rings
NEW_RINGS = 8  # in one pull

__all__ = ["PART", "SUFFIX", "Device", "Diverged", "default_folder", "device", "devices", "locked", "rename"]


def default_folder() -> Path:
    """$XDG_DATA_HOME/lastgasp, as the XDG Base Directory Specification has it."""
    home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(home, "lastgasp")


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What our own disk refuses is told as such. Raises PullError."""
    try:
        yield
    except OSError as error:
        raise PullError(
            f"{error.filename or path}: {error.strerror} (on this machine); make room, or name another folder with -o"
        ) from None


def locked(folder: Path, who: str) -> int:
    """A descriptor; until it is closed the folder of a device is ours alone. Raises OSError.

    Raises PullError: somebody is at it; ``who`` it may be, to say so.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise PullError(f"{folder}: {who} of this device is at work") from None
    return lock


class Device:
    """The folder of one device; in a ``with`` it is ours alone, and what came is put in place at its end."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self.path = path
        self.facts = facts
        self._rings: dict[int, Ring] = {}
        self._made = 0  # rings that were not here before
        self._lock = -1

    def __enter__(self) -> Device:
        """Raises PullError: another pull is at it, or it cannot be written."""
        with told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            self._lock = locked(self.path, "another pull")
        try:
            if not os.path.exists(self.path / LOCK):  # deleted just now, by who held it
                raise PullError(f"{self.path}: was just deleted; pull again")
            self.facts = {**(_read(self.path) or {}), **self.facts}
            self._rings, self._made = {}, 0
            with told(self.path):
                for path in {*self.path.glob(f"*{SUFFIX}"), *self.path.glob(f"*{PART}")}:
                    if re.fullmatch("[0-9a-f]{16}", path.stem):
                        self._rings[int(path.stem, 16)] = Ring(self.path, int(path.stem, 16))
                here = {f"{number:016x}" for number, ring in self._rings.items() if ring.held}
                self.facts["complete"] = {name: write for name, write in self._complete.items() if name in here}
                self._note()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with told(self.path):
                for ring in self._rings.values():
                    ring.finish()
                self._note()
        finally:
            os.close(self._lock)

    @property
    def _complete(self) -> dict[str, int]:
        """By ring, of those that are here: up to which write nothing is missing (``Ring.ranges``)."""
        known: dict[str, int] = self.facts.setdefault("complete", {})
        return known

    def completed(self, ring: int, write: int) -> None:
        """All that the device has up to this write is here."""
        if ring in self._rings:
            self._complete[f"{ring:016x}"] = write

    def _note(self) -> None:
        new = self.path / f"{FACTS}.new"
        new.write_text(json.dumps({"lastgasp_device": FORMAT, **self.facts}, indent=1) + "\n")
        os.replace(new, self.path / FACTS)

    def _ring(self, number: int) -> Ring:
        if number not in self._rings:
            self._made += 1
            if self._made > NEW_RINGS:
                raise PullError(f"{self.path}: more than {NEW_RINGS} new rings at once are no recordings of one device")
            self._rings[number] = Ring(self.path, number)
        return self._rings[number]

    def _newest_first(self) -> list[tuple[int, Ring]]:
        """Rings, the one that something came for last before all."""
        return sorted(self._rings.items(), key=lambda item: item[1].changed_s, reverse=True)

    def set_aside(self, ring: int) -> None:
        """What is kept of it goes under another name. Raises PullError."""
        with told(self.path):
            self._ring(ring).set_aside()
            self._rings[ring] = Ring(self.path, ring)
            self._complete.pop(f"{ring:016x}", None)

    def newest(self, ring: int) -> int:
        """The highest write number that is kept; -1: none."""
        return self._rings[ring].newest if ring in self._rings else -1

    def check_newest(self, ring: int, write: int) -> None:
        """The device's newest write is this. Raises Diverged: newer ones are kept."""
        if write < self.newest(ring):
            raise Diverged(ring)

    def add(self, block: Pulled) -> None:
        """Keep a block. Raises PullError, Diverged."""
        with told(self.path):
            self._ring(block.ring).add(block)

    def same(self) -> str:
        """What ``lastgasp-agent dump --same`` shall look at: some writes, with the CRCs that end their blocks."""
        words = []
        for number, ring in self._newest_first()[:MARKED_RINGS]:
            marks = [f"{write}-{int.from_bytes(crc, 'little'):08x}" for write, crc in ring.marks(MARKS).items()]
            words += [f"{number:x}:{','.join(marks)}"] if marks else []
        return ";".join(words)

    def places(self) -> list[int]:
        """Slots in which such writes stood."""
        return sorted({slot for _, ring in self._newest_first()[:MARKED_RINGS] for slot in ring.places(MARKS)})

    def differs(self, ring: int, write: int, header: bytes) -> bool:
        """Is a block kept of this write, and has it another header?"""
        known = self._rings[ring].header(write) if ring in self._rings else None
        return known is not None and known != header

    def knows(self, ring: int, write: int) -> bool:
        """Is this write of this ring here, and not the newest, which is asked for again (``Ring.ranges``)?"""
        return ring in self._rings and write in self._rings[ring].writes and write != self.newest(ring)

    def known_since(self, ring: int, write: int) -> int | None:
        """The first write of those up to this one of which nothing is missing; None: this one is."""
        ranges = self._ranges(ring) if ring in self._rings else []
        return next((first for first, last in ranges if first <= write <= last), None)

    def _ranges(self, ring: int) -> list[tuple[int, int]]:
        return self._rings[ring].ranges(self._complete.get(f"{ring:016x}", -1))

    def have(self) -> str:
        """What is here, for ``lastgasp-agent dump --have``; of very much the newest."""
        words: list[str] = []
        left = HAVE_LETTERS
        for number, _ in self._newest_first():
            ranges = [f"{a}-{b}" if a != b else str(a) for a, b in self._ranges(number)]
            while ranges and len(",".join(ranges)) > left - 20:
                ranges.pop()
            if ranges:
                words.append(f"{number:x}:{','.join(ranges)}")
                left -= len(words[-1])
        return ";".join(words)

    def settle(self) -> None:
        """Everything that came is on our own disk. Raises PullError."""
        with told(self.path):
            for ring in self._rings.values():
                ring.settle()
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)  # the names of new files
            finally:
                os.close(folder)

    @property
    def new(self) -> dict[Path, int]:
        """Files that something came for, with how many blocks."""
        return {ring.path: ring.new for ring in self._rings.values() if ring.new}

    @property
    def files(self) -> list[Path]:
        """All recordings, the one that something came for last at the end."""
        return [ring.path for _, ring in reversed(self._newest_first()) if ring.held]

    def remember(self, wire: str, **figures: object) -> None:
        """Note a pull."""
        pulls = self.facts.setdefault("pulls", [])
        pulls.append({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "wire": wire, **figures})
        del pulls[:-PULLS]


def device(folder: Path, identity: Identity) -> Device:
    """The folder for this device; it keeps the name that the device had first."""
    known = sorted(folder.glob(f"*-{identity.key}"))
    return Device(known[0] if known else folder / _name(identity.host, identity.key), asdict(identity))


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
    complete = facts.get("complete")
    facts["complete"] = (
        {name: write for name, write in complete.items() if isinstance(write, int)}
        if isinstance(complete, dict)
        else {}
    )
    facts["pulls"] = [one for one in pulls if isinstance(one, dict)] if isinstance(pulls, list) else []
    return {name: value for name, value in facts.items() if name != "lastgasp_device"}
