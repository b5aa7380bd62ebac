"""The listener's script into a shell on a line that may lose anything: typed in pieces, each proved before any runs.

Contract: what is typed is at worst a variable with a wrong value, which is typed again; the script runs when the
device's own checksum of it is right. The slower the more often it went wrong.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

from lastgasp.pull.console import Credentials, ShellError, last_words
from lastgasp.pull.console.cksum import cksum
from lastgasp.pull.console.listener import NESTED
from lastgasp.pull.console.login import CTRL_C, ENTER, KILL_LINE, listen, proved, reach
from lastgasp.pull.wires import Wire

TRIES = 6  # from the beginning
TURNS = 8  # for what is wrong of it
LOAD_S = 60.0  # then it is given up
LINE = 96  # letters of the script in a line: some shells cut lines at 1,024, some lines lose what comes at once
CHUNK, PAUSE_S = 8, 0.005  # letters at a time, where a line that was typed at once came garbled
ANSWER_S = 4.0
START_S = 8.0


def load(wire: Wire, script: str, credentials: Credentials, started: Callable[[float], bool]) -> bool:
    """Have the shell run it; ``started`` tells whether it does, within so many seconds.

    Returns whether we had to log in again. Raises ShellError, WireError.
    """
    logged_in = False
    until = time.monotonic() + LOAD_S
    for attempt in range(TRIES):
        if attempt and time.monotonic() > until:
            break
        if attempt:
            wire.write(CTRL_C)
            listen(wire, ANSWER_S, quiet_s=0.3)
            if not proved(wire):
                logged_in |= reach(wire, credentials)
        # A shell of our own: its traps and its variables go with it. Without a terminal for its errors it takes itself
        # for not interactive: no prompt, no history, no editor that wraps lines and gives noise a meaning.
        _type(wire, f'[ "${NESTED}" ]||{NESTED}=1 ${{BASH:-sh}} 2>/dev/null', attempt)
        listen(wire, 1.0, quiet_s=0.2)
        if _put(wire, script, attempt):
            _type(wire, 'eval "$l"', attempt)
            if started(START_S):
                return logged_in
    raise ShellError(
        f"{wire.name}: a shell answers, but what is typed does not arrive whole; it said last:"
        f" {last_words(listen(wire, 1.0))}"
    )


def _put(wire: Wire, script: str, attempt: int) -> bool:
    """The script into the variable ``l``. False: it did not arrive."""
    pieces = [script[at : at + LINE] for at in range(0, len(script), LINE)]
    names = [f"l{index}" for index in range(len(pieces))]
    wrong = set(names)
    for turn in range(attempt, attempt + TURNS):
        for name, piece in zip(names, pieces, strict=True):
            if name in wrong:
                _type(wire, f"{name}='{piece}'", turn)
        _type(wire, "l=" + "".join(f"${name}" for name in names), turn)
        told = _proofs(wire, ["l"], turn)
        if told and told[0] in _right(script):
            return True
        for quote in "'\"":  # one may be open; where none is, this is a comment
            _type(wire, f"#{quote}", turn)
        told = _proofs(wire, names, turn)
        wrong = {name for name, piece, one in zip(names, pieces, told, strict=False) if one not in _right(piece)}
        wrong.update(names[len(told) :])
    return False


def _right(text: str) -> tuple[str, str]:
    """What the device says of a variable that holds the text; the second: where it has no cksum(1)."""
    return f"{cksum(text.encode())} {len(text)}", f"- {len(text)}"


def _proofs(wire: Wire, names: list[str], turn: int) -> list[str]:
    """Of each variable its checksum and length, as the device sees it; fewer if they could not be heard."""
    values = " ".join(f'"${name}"' for name in names)
    for proof in ('printf %s "$i"|cksum', "echo - ${#i}"):
        numbers = _ask(wire, f"for i in {values};do {proof};done", turn).split()
        if numbers:
            return [" ".join(numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
    return []


def _ask(wire: Wire, command: str, turn: int) -> str:
    """What the command prints, on one line; empty if that was not heard."""
    number = 10_000_000 + int.from_bytes(os.urandom(3), "little")
    answer = re.compile(rb"%d=([-0-9 ]*)=" % number)
    _type(wire, f"echo $(expr {number + 7} - 7)=$({command})=", turn)
    found = answer.search(listen(wire, ANSWER_S, answer.search))
    return found[1].decode() if found else ""


def _type(wire: Wire, line: str, turn: int) -> None:
    """Behind a space, which keeps it out of many a history."""
    data = KILL_LINE + b" " + line.encode() + ENTER
    if not turn:
        wire.write(data)
        return
    for at in range(0, len(data), CHUNK):
        wire.write(data[at : at + CHUNK])
        time.sleep(PAUSE_S * turn)
