"""``lastgasp live`` as a process of its own, at a terminal or without one, and what it has running on a board."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from board import Board, without_printk

from lastgasp.pull.console import listener
from terminal import PATIENCE_S, Terminal

ROOT = Path(__file__).parents[2]
# The log level of the machine that runs the tests is none of theirs.
PROGRAM = """\
import sys
sys.path.insert(0, {agent!r})
from lastgasp.pull.console import listener
listener.STATEMENTS = {statements!r}
from lastgasp.cli.main import main
sys.exit(main())
"""


def until(seen: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@contextlib.contextmanager
def real_board(folder: Path) -> Iterator[Board]:
    """A board, and beside it the real command line as a program that leaves this machine's log level alone."""
    made = Board(folder)
    undo = without_printk(made)
    (folder / "laptop.py").write_text(
        PROGRAM.format(agent=str(ROOT / "agent"), statements=listener.STATEMENTS), encoding="utf-8"
    )
    undo()
    yield made


def live(board: Board, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Where the output is no terminal."""
    return subprocess.run(
        [sys.executable, str(board.folder / "laptop.py"), "live", *words],
        env={"PATH": f"{path}:{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


def at_terminal(board: Board, *words: str) -> Terminal:
    return Terminal(board.folder, "live", *words, program=str(board.folder / "laptop.py"))


def followers(board: Board) -> list[int]:
    """Processes of the board's agent that stream."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            if b"--follow" in words and str(board.bin / "lastgasp-agent").encode() in words:
                found.append(int(path.name))
    return found


def samples(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"sample (\d+)/", text)]
