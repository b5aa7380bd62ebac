"""What tests with guests share: what a guest is made of, and how many run at a time."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from bed import bench
from bed.errors import Unavailable, require
from bed.targets import DEFAULT_KERNEL, KERNELS, PYTHON, Board

GUESTS = 2
TOOLS = {
    "mke2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}


def missing(
    boards: list[Board], tools: dict[str, str] | None = None, programs: list[tuple[str, str]] | None = None
) -> str:
    """What keeps guests on these boards from being made here; empty if nothing does."""
    try:
        for tool, package in (TOOLS | (tools or {})).items():
            require(tool, package)
        for board in boards:
            require(board.qemu, board.qemu_package)
            require(f"{board.arch.triplet}-gcc", f"gcc-{board.arch.triplet} libc6-dev-{board.arch.name}-cross")
        if sys.version_info[:2] != tuple(map(int, PYTHON.split("."))):
            require(f"python{PYTHON}", f"python{PYTHON}")
        for board in boards:
            bench.fetch(board, KERNELS[DEFAULT_KERNEL], programs)
    except Unavailable as error:
        return str(error)
    return ""


@contextmanager
def slot() -> Iterator[None]:
    """One of GUESTS places, shared by all workers of a test run."""
    with ExitStack() as stack:
        names = [bench.working_folder() / f"slot-{number}" for number in range(GUESTS)]
        files = [stack.enter_context(open(name, "w")) for name in names]
        while not any(map(locked, files)):
            time.sleep(0.5)
        yield


def locked(file: IO[str]) -> bool:
    """Take this place, if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
