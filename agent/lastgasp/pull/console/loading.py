"""The listener's script into a shell on a line that may lose anything: typed in pieces, each proved before any runs.

Contract: what is typed of the script holds nothing that means something to a shell: capitals stand for that, and tr(1)
makes of them what they mean. So a piece that came garbled is at worst a variable with a wrong value, which is typed
again, or a command that does not exist. The script runs when the device's own checksum of it is right. The slower the
more often it went wrong.
"""

from __future__ import annotations

import re
import time
from string import ascii_lowercase, ascii_uppercase
from typing import Protocol

from lastgasp.pull.console import Credentials, ShellError, last_words, proof
from lastgasp.pull.console.listener import NESTED
from lastgasp.pull.console.login import CTRL_C, ENTER, KILL_LINE, listen, proved, reach, some_number
from lastgasp.pull.wires import Wire

TRIES = 6  # from the beginning
TURNS = 8  # for what is wrong of it
LOAD_S = 60.0  # then it is given up
LINE = 96  # letters of the script in a line: some shells cut lines at 1,024, some lines lose what comes at once
CHUNK, PAUSE_S = 8, 0.005  # letters at a time, where a line that was typed at once came garbled
ANSWER_S = 3.0
QUESTIONS = 2
# Mean nothing to a shell within a word, and do not become ">" where one bit is flipped, as "6", "." and ":" do.
PLAIN = r"[a-zA-Z0-57-9/=%_,+-]"
START_S = 8.0


class Course(Protocol):
    """Who has to know how far it got."""

    def nested(self) -> None:
        """A shell of ours is started now."""

    def evaluated(self) -> None:
        """The script is run now."""

    def started(self, patience_s: float) -> bool:
        """Does it say so, within so many seconds?"""


def load(wire: Wire, script: str, credentials: Credentials, course: Course) -> bool:
    """Have the shell run it.

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
        course.nested()
        _type(wire, f'[ "${NESTED}" ]||{NESTED}=1 ${{BASH:-sh}} 2>/dev/null', attempt)
        listen(wire, 1.0, quiet_s=0.2)
        if _put(wire, script, attempt):
            course.evaluated()
            _type(wire, 'eval "$l"', attempt)
            if course.started(START_S):
                return logged_in
    raise ShellError(
        f"{wire.name}: a shell answers, but what is typed does not arrive whole; it said last:"
        f" {last_words(listen(wire, 1.0))}"
    )


def _put(wire: Wire, script: str, attempt: int) -> bool:
    """The script into the variable ``l``. False: it did not arrive."""
    coded, decode = encoded(script)
    pieces = [coded[at : at + LINE] for at in range(0, len(coded), LINE)]
    names = [f"l{letter}" for letter in ascii_lowercase[: len(pieces)]]
    wrong = set(names)
    for turn in range(attempt, attempt + TURNS):
        for name, piece in zip(names, pieces, strict=True):
            if name in wrong:
                _type(wire, f"{name}={piece}", turn)
        _type(wire, f"l=$(echo {''.join(f'${name}' for name in names)}|{decode})", turn)
        told = _proofs(wire, [f"{{{NESTED}}}$l"], turn)  # if that came garbled, the shell would not end with us
        if told and told[0] in _right("1" + script):
            return True
        told = _proofs(wire, names, turn) if told is not None else None
        if told is None or not wrong:  # what asked came garbled, too, and waits for the rest of itself: begin anew
            return False
        wrong = {name for name, piece, one in zip(names, pieces, told, strict=False) if one not in _right(piece)}
        wrong.update(names[len(told) :])
    return False


def encoded(script: str) -> tuple[str, str]:
    """The script in letters that mean nothing to a shell, and the command that makes it of them."""
    special = sorted(set(re.sub(PLAIN, "", script)))
    codes = [letter for letter in ascii_uppercase if letter not in script][: len(special)]
    if "'" in special or len(codes) < len(special):
        raise ValueError("too many signs in the script")
    meant = "".join("\\\\" if one == "\\" else one for one in special)
    return script.translate(str.maketrans("".join(special), "".join(codes))), f"tr {''.join(codes)} '{meant}'"


def _right(text: str) -> list[str]:
    """What a device says of a variable that holds the text, one for each kind of device."""
    return [proof.words(kind, text.encode()) for kind in (proof.CKSUM, proof.MD5, proof.LENGTH)]


def _proofs(wire: Wire, names: list[str], turn: int) -> list[str] | None:
    """Of each variable its checksum and length, as the device sees it; None: no answer was heard."""
    values = " ".join(f'"${name}"' for name in names)
    for says in ('printf %s "$i"|cksum', 'printf %s "$i"|md5sum|tr - 0', "echo - ${#i}"):
        answer = _ask(wire, f"for i in {values};do {says};done", turn)
        if answer is None:
            return None
        numbers = answer.split()
        if numbers:
            return [" ".join(numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
    return []


def _ask(wire: Wire, command: str, turn: int) -> str | None:
    """What the command prints, on one line; None: it was not heard."""
    for _ in range(QUESTIONS):
        number = some_number()
        answer = re.compile(rb"%d=([-0-9a-f ]*)=" % number)
        _type(wire, f"echo $(expr {number + 7} - 7)=$({command})=", turn)
        found = answer.search(listen(wire, ANSWER_S, answer.search))
        if found:
            return found[1].decode()
    return None


def _type(wire: Wire, line: str, turn: int) -> None:
    """Behind a space, which keeps it out of many a history."""
    data = KILL_LINE + b" " + line.encode() + ENTER
    if not turn:
        wire.write(data)
        return
    for at in range(0, len(data), CHUNK):
        wire.write(data[at : at + CHUNK])
        time.sleep(PAUSE_S * turn)
