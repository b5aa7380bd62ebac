"""Captured trees of /proc, /sys and /dev/kmsg: read from their text files, and laid out as real folders.

The files beside this module, in trees/, are written by scripts/capture-proc, whose head describes the format:

- armhf-6.1, arm64-6.1: Debian guests with 128 MB, an ext4 root, a zram swap and control groups v2, made by
  `scripts/qemu-bed capture`.
- x86_64-6.18: a machine with 24 GB and control groups v1, the same processes (scripts/bed/inside/scene.py).
  What would have named that machine is cut: its init, its kernel command line, and parts of the version and
  of the log.

In each, the same processes run: `grower` with every kind of descriptor and mapping, processes whose names are
`a) R 1 (b` and an escape sequence with a newline, one in a control group with a limit, one with threads, one
of another user, one whose program is deleted, one stopped, a zombie, shells and kernel threads.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "trees"
FIRST_LINE = b"# lastgasp proc tree 1"


class TreeError(Exception):
    """A file is no tree: the message gives the file, the line and what was expected there."""


@dataclass(slots=True)
class Tree:
    """One captured tree; paths are relative, as in `proc/meminfo`.

    `files` have the bytes as the kernel gave them, `links` their targets, `errors` the name of the errno that
    reading gave, `directories` are the empty ones. `page_size` is in bytes, `clock_ticks` per second.
    """

    kernel: str = ""
    machine: str = ""
    page_size: int = 0
    clock_ticks: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        """The captured processes, in ascending order."""
        return sorted(int(path.split("/")[1]) for path in self.files if re.fullmatch(r"proc/\d+/stat", path))

    def pid(self, comm: bytes) -> int:
        """Return the process with this comm; raises KeyError when there is not exactly one."""
        found = [pid for pid in self.pids if self.files[f"proc/{pid}/comm"] == comm + b"\n"]
        if len(found) != 1:
            raise KeyError(comm)
        return found[0]

    def materialise(self, folder: Path) -> str:
        """Write the tree below `folder` and return it as a root to read from.

        Links point where the kernel said, so they mostly dangle. What gave an error is left out.
        """
        for path in self.directories:
            (folder / path).mkdir(parents=True, exist_ok=True)
        for path, data in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        for path, target in self.links.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(target)
        return str(folder)


def names() -> list[str]:
    """Return the names of the trees in the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.tree"))


def load(name: str) -> Tree:
    """Return a tree of the repository by its name, such as `armhf-6.1`."""
    return parse((FOLDER / f"{name}.tree").read_bytes(), name)


def parse(data: bytes, name: str = "tree") -> Tree:
    """Return the tree that a capture describes; raises TreeError when it is damaged."""
    lines = data.split(b"\n")
    if lines[0] != FIRST_LINE or lines.pop() != b"":
        raise TreeError(f"{name}: not a whole tree: it has to begin with {FIRST_LINE!r} and end with a newline")
    tree = Tree()
    at = 1  # the line to read next, counted from 0

    def take(key: bytes) -> bytes:
        nonlocal at
        start = key + b": "
        if at >= len(lines) or not lines[at].startswith(start):
            raise TreeError(f"{name}, line {at + 1}: expected {start.decode()!r}")
        at += 1
        return lines[at - 1][len(start) :]

    def number(key: bytes) -> int:
        value = take(key)
        if not value.isdigit():
            raise TreeError(f"{name}, line {at}: expected a number, not {value.decode('ascii', 'replace')!r}")
        return int(value)

    tree.kernel = take(b"# kernel").decode()
    tree.machine = take(b"# machine").decode()
    tree.page_size = number(b"# page_size")
    tree.clock_ticks = number(b"# clock_ticks")
    while at < len(lines):
        path = os.fsdecode(unescape(take(b"Path")))
        key = lines[at].partition(b":")[0] if at < len(lines) else b""
        if key == b"SymlinkTo":
            tree.links[path] = os.fsdecode(unescape(take(key)))
        elif key == b"Error":
            tree.errors[path] = take(key).decode()
        elif key == b"Directory":
            take(key)
            tree.directories.append(path)
        else:
            open_end = key == b"NoNewline" and bool(take(key))
            count = number(b"Lines")
            content = b"".join(unescape(line) + b"\n" for line in lines[at : at + count])
            tree.files[path] = content[:-1] if open_end else content
            at += count
    if at > len(lines):
        raise TreeError(f"{name}: the content of {path} ends early")
    return tree


def unescape(line: bytes) -> bytes:
    """Return the bytes that an escaped line stands for."""
    return re.sub(rb"\\(?:(\\)|x([0-9a-f]{2}))", lambda match: match[1] or bytes.fromhex(match[2].decode()), line)
