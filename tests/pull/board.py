"""A device to pull from: a home, a ring, programs, a console log level; and a shell on a line (faulty_line)."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from faulty_line import Change, Line

from lastgasp.pull.console import listener
from lastgasp.ring.scan import scan

TESTS = Path(__file__).parents[1]
AGENT = TESTS.parent / "agent"
RING = TESTS / "recordings" / "oom" / "groups-0.ring.gz"  # 15 blocks
PRINTK = "/proc/sys/kernel/printk"
LEVELS = "7\t4\t1\t7\n"
SHELLS = {"ash": ["busybox", "sh"], "bash": ["bash"], "dash": ["dash", "-i"]}
USER, PASSWORD = "root", "pass word $HOME 'x'"

# bash that notes each simple command before it runs it: who (the listener has a word), whether there is such a command.
TRACED = """\
#!/bin/bash
BASH_ENV="$HOME/trace" exec -a "$HOME/bin/bash" /bin/bash --rcfile "$HOME/trace" "$@"
"""
TRACE = """\
set -T
trap '{ printf "%s " "${N:+L}"; [ -n "$(type -t -- "${BASH_COMMAND%%[ =]*}")" ] && printf "+ " || printf "%s " -;
printf "%s\\0" "$BASH_COMMAND"
case $BASH_COMMAND in 'eval "$l"'*) w=T; [ "${BASH_COMMAND%null}" = "$BASH_COMMAND" ] || w=L;
printf "%s + evaluates %s\\0" $w "$l"; esac; } >>"$HOME/trace.log"' DEBUG
"""


class Board:
    """In a folder of its own."""

    def __init__(self, folder: Path, ring: bytes | None = None) -> None:
        """``ring``: bytes of the ring; None: a real one."""
        self.folder = folder
        self.home = folder / "home"
        self.bin = self.home / "bin"
        self.bin.mkdir(parents=True)
        self.ring = folder / "ring"
        self.ring.write_bytes(ring if ring is not None else gzip.decompress(RING.read_bytes()))
        self.printk = folder / "printk"
        self.printk.write_text(LEVELS)
        self.history = self.home / ".bash_history"
        self.program(
            "lastgasp-agent",
            f"#!{sys.executable} -ISE\nimport sys\nsys.path.insert(0, {str(AGENT)!r})\n"
            "from lastgasp.recorder.main import main\nsys.exit(main())\n",
        )
        self.environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(self.home),
            "TERM": "vt102",
            "PS1": "│dev❯ ",
        }

    def program(self, name: str, text: str) -> None:
        """One that the device has, first in PATH."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def line(
        self,
        shell: str | list[str],
        login: bool = False,
        wrong_s: float = 0.5,
        down: Change | None = None,
        up: Change | None = None,
        baud: int | None = None,
        columns: int = 80,
    ) -> Line:
        """A line to it. ``shell``: of SHELLS, "traced", or a command."""
        if shell == "traced":
            self.program("bash", TRACED)
            (self.home / "trace").write_text(TRACE)
            shell = [str(self.bin / "bash")]
        command = SHELLS[shell] if isinstance(shell, str) else shell
        if login:
            getty = [sys.executable, "-ISE", str(Path(__file__).with_name("getty.py")), USER, PASSWORD, str(wrong_s)]
            command = [*getty, *command]
        return Line(command, self.environment, self.home, down, up, baud, columns)

    def blocks(self) -> dict[tuple[int, int], bytes]:
        """The last version of each block in the ring, by ring and number."""
        return blocks(self.ring.read_bytes())

    def ran(self) -> list[tuple[bool, bool, str]]:
        """Of each command that a traced bash ran: was it the listener, is there such a command, and its text."""
        log = self.home / "trace.log"
        found = []
        for entry in log.read_bytes().decode("utf-8", "replace").split("\0")[:-1] if log.exists() else ():
            who, there, text = entry.split(" ", 2)
            found.append((who == "L", there == "+", text))
        return found


def blocks(data: bytes) -> dict[tuple[int, int], bytes]:
    """The last version of each block, by ring and number."""
    found = sorted(scan(io.BytesIO(data)).blocks, key=lambda block: block.write_number)
    return {(one.ring_id, one.number): data[one.offset : one.offset + one.size] for one in found}


def stored(folder: Path) -> dict[tuple[int, int], bytes]:
    """What a pull kept there, of all files together."""
    found: dict[tuple[int, int], bytes] = {}
    for path in sorted(folder.rglob("*.lgr")):
        found.update(blocks(path.read_bytes()))
    return found


def without_printk(board: Board) -> Callable[[], None]:
    """Have the listener take the board's log level for the kernel's; returns what undoes it."""
    before = listener.STATEMENTS
    setattr(listener, "STATEMENTS", tuple(one.replace(PRINTK, str(board.printk)) for one in before))  # noqa: B010

    def undo() -> None:
        setattr(listener, "STATEMENTS", before)  # noqa: B010

    return undo


def missing(shell: str) -> str | None:
    """Why this shell cannot be tested with; None: it can."""
    return None if shutil.which(SHELLS[shell][0], path=os.defpath + ":/usr/bin:/bin") else f"there is no {shell}"
