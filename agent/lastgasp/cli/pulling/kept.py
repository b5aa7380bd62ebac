"""What was pulled and is kept, for ``ls`` and ``prune``: devices by their names, and their recordings."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from lastgasp.pull import PullError, store
from lastgasp.ring.scan import scan


@dataclass(frozen=True, slots=True)
class File:
    """One recording of a device."""

    path: Path
    size: int
    changed_s: float  # when something last came for it


@dataclass(frozen=True, slots=True)
class Kept(File):
    """And what is in it."""

    blocks: int
    begins_ns: int  # wall clock, as the device had it
    ends_ns: int


def declare(parser: argparse.ArgumentParser) -> None:
    """The options that both have."""
    parser.add_argument("devices", nargs="*", metavar="DEVICE", help="a folder's name, or a host; default: all")
    parser.add_argument("-o", dest="folder", type=Path, metavar="DIR", help="where they are kept, as for pull")


def chosen(folder: Path, names: list[str]) -> list[store.Device]:
    """Those of the names, or all. Raises PullError: there is none of a name."""
    found = store.devices(folder)
    if not names:
        return found
    chosen = [one for one in found if one.path.name in names or one.facts.get("host") in names]
    for name in names:
        if not any(name in (one.path.name, one.facts.get("host")) for one in chosen):
            raise PullError(f"{name}: nothing of such a device is in {folder}; lastgasp ls lists them")
    return chosen


def files(device: store.Device) -> list[File]:
    """All recordings of a device; also what a first pull brought that was killed. Raises OSError."""
    parts = [path for path in device.path.glob(f"*{store.PART}") if not path.with_suffix(store.SUFFIX).exists()]
    states = {path: path.stat() for path in sorted([*device.path.glob(f"*{store.SUFFIX}"), *parts])}
    return [File(path, state.st_size, state.st_mtime) for path, state in states.items()]


def recordings(device: store.Device) -> list[Kept]:
    """These, read: that takes a while. Raises OSError."""
    found = []
    for one in files(device):
        with one.path.open("rb") as file:
            blocks = scan(file).blocks
        times = [block.realtime_ns for block in blocks] or [0]
        found.append(Kept(one.path, one.size, one.changed_s, len(blocks), min(times), max(times)))
    return found
