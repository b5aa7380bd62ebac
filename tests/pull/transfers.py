"""One pull over a bad line, and whether it went as it must: byte-exact or cleanly failed, and nothing else happened.

What must hold, whatever the line did:

- ``session.pull`` returns or raises PullError;
- every block that was kept is the ring's, byte for byte; if it returned without a block missing, all of them are there;
- what the listener on the device ran was sent by us, byte for byte; what ran of what was typed before it is of those
  few commands that are typed (a garbled line may name anything, but what it names must not exist), and the device's
  home holds no file that was not there before;
- after a pull that returned, the device's terminal and its console log level are as they were.
"""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from board import LEVELS, PASSWORD, USER, Board, stored, without_printk
from faults import KINDS, NOT_UP, Faults

from lastgasp.pull import PullError, session
from lastgasp.pull.console import Credentials, listener
from lastgasp.pull.wires.tty import Tty

SETTLE_S = 5.0
SHOWN = 200
RATES = (1e-4, 1e-3, 1e-4, 1e-3, 3e-3, 1e-2)
WAYS = ("down", "up", "both")
# First words of what is typed before the listener can check it, and those of the listener's own text.
TYPED = re.compile(
    r"(expr|echo|printf|cksum|eval|for|\[|bash|if|then|exit|command|stty|trap|y|k|r|z|read|while|set|do|done|else|elif|fi"
    r"|break|return|test)?"
)
FILES = {".bash_history", "trace", "trace.log", "logouts", "bin"}


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to whom."""

    kind: str
    rate: float
    way: str
    seed: int
    shell: str = "traced"
    login: bool = False
    plain: bool = False
    baud: int | None = None


@dataclass(slots=True)
class Outcome:
    """What came of it; ``wrong`` must stay empty."""

    ok: bool = False
    why: str = ""  # it failed
    seconds: float = 0.0
    again: int = 0
    breaks: int = 0
    received: int = 0
    hits: int = 0
    wrong: list[str] = field(default_factory=list)


class Noted(Tty):
    """A line that remembers what was sent."""

    sent_bytes = b""

    def write(self, data: bytes) -> None:
        """As Tty."""
        self.sent_bytes += data
        super().write(data)


def transfer(case: Case, folder: Path) -> Outcome:
    """Do it."""
    board = Board(folder)
    undo = without_printk(board)
    outcome = Outcome()
    made = {way: Faults(case.kind, case.rate, case.seed * 2 + (way == "up")) for way in WAYS[:2]
            if case.way in (way, "both") and not (way == "up" and case.kind in NOT_UP)}  # fmt: skip
    line = board.line(
        case.shell, login=case.login, wrong_s=0.2, down=made.get("down"), up=made.get("up"), baud=case.baud
    )
    try:
        with line:
            line.quiet()
            before = line.settings()
            started = time.monotonic()
            wire = Noted(line.path)
            result: session.Result | None = None
            try:
                credentials = Credentials(USER if case.login else None, PASSWORD.encode)
                options = session.Options(folder / "out", credentials, ring=str(board.ring), plain=case.plain)
                result = session.pull(wire, options, lambda name, progress: None)
            except PullError as error:
                outcome.why = str(error)
            outcome.seconds = time.monotonic() - started
            outcome.received = wire.received
            if result is not None:
                outcome.again, outcome.breaks = result.progress.again, result.breaks
                outcome.ok = not result.progress.missing
                outcome.why = "" if outcome.ok else f"{result.progress.missing} blocks missing"
                until = time.monotonic() + SETTLE_S
                while line.settings() != before and time.monotonic() < until:
                    time.sleep(0.02)
                if line.settings() != before:
                    outcome.wrong.append(f"the terminal is not as it was: {before} {line.settings()}")
                if board.printk.read_text().split() != LEVELS.split():
                    outcome.wrong.append(f"the log level is {board.printk.read_text()!r}")
        outcome.hits = sum(one.hits for one in made.values())
        _check_commands(board, wire.sent_bytes, outcome)
    finally:
        undo()
    _check_blocks(board, stored(folder / "out"), outcome)
    strange = {path.name for path in board.home.iterdir()} - FILES
    if strange and case.kind not in ("insert", "burst", "mixed"):  # that noise itself may be a ">"
        outcome.wrong.append(f"new files on the device: {sorted(strange)}")
    return outcome


def _check_blocks(board: Board, kept: dict[tuple[int, int], bytes], outcome: Outcome) -> None:
    expected = board.blocks()
    if any(expected.get(key) != data for key, data in kept.items()):
        outcome.wrong.append("a block that was kept is not the ring's")
    if outcome.ok and kept.keys() != expected.keys():
        outcome.wrong.append(f"{len(expected) - len(kept)} blocks are missing without a word")


def _check_commands(board: Board, sent: bytes, outcome: Outcome) -> None:
    ours = {line.partition(b" ")[2].partition(b" ")[2].decode("utf-8", "replace") for line in re.split(b"[\r\n]", sent)}
    for listens, there, text in board.ran():
        if text.startswith("evaluates "):
            text = text.removeprefix("evaluates ")
            if text != listener.script(text[2:10], True) and not (listens and text in ours):
                outcome.wrong.append(f"evaluated: {text[:SHOWN]!r}")
        elif not listens and there and not TYPED.fullmatch((text.split() or [""])[0]):
            outcome.wrong.append(f"ran: {text[:SHOWN]!r}")


def cases(number: int, seed: int, rates: tuple[float, ...] = RATES) -> list[Case]:
    """So many, of all kinds and rates; every fifth behind a login, every tenth without an agent."""
    chance = random.Random(seed)
    found = []
    for index in range(number):
        kind, rate = KINDS[index % len(KINDS)], rates[index // len(KINDS) % len(rates)]
        plain = index % 10 == 7
        found.append(Case(kind, rate, chance.choice(WAYS), seed + index, login=index % 5 == 2, plain=plain))
    return found
