"""Which program of one firmware is which of another.

By the name that reports use (an interpreter's script included), then by the same name with another version of the
interpreter, then by the file that they run: where that is one program's own, not a shell's or a busybox's. A name that
stays is better evidence than a file: many programs are one busybox, and files move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from lastgasp.analysis.compare.sides import Runs
from lastgasp.analysis.identity import INTERPRETERS

SHARED = (*INTERPRETERS, b"busybox", b"toybox")
Key = Callable[[Runs], bytes | None]


def matched(old: Iterable[Runs], new: Iterable[Runs]) -> list[tuple[Runs | None, Runs | None]]:
    """Pairs; None on the side that does not have it. Each program is in one pair."""
    left, right = list(old), list(new)
    pairs: list[tuple[Runs | None, Runs | None]] = []
    for key in (_name, _script, _file):
        found = _pairs(left, right, key)
        pairs += found
        done = {id(one) for pair in found for one in pair}
        left = [one for one in left if id(one) not in done]
        right = [one for one in right if id(one) not in done]
    return [*pairs, *((one, None) for one in left), *((None, one) for one in right)]


def _pairs(left: list[Runs], right: list[Runs], key: Key) -> list[tuple[Runs, Runs]]:
    """Those that are alone with their key on both sides."""
    counted = [Counter(key(one) for one in side) for side in (left, right)]
    by_key = {key(one): one for one in right}
    found = []
    for one in left:
        name = key(one)
        if name is not None and counted[0][name] == 1 and counted[1][name] == 1:
            found.append((one, by_key[name]))
    return found


def _name(one: Runs) -> bytes | None:
    return one.name


def _script(one: Runs) -> bytes | None:
    """python3.11 server.py and python3.12 server.py are one."""
    interpreter, _, script = one.name.partition(b" ")
    bare = interpreter.rstrip(b"0123456789.")
    return bare + b" " + script if script and bare in INTERPRETERS else None


def _file(one: Runs) -> bytes | None:
    base = (one.exe or b"").rpartition(b"/")[2].rstrip(b"0123456789.")
    return None if not base or base in SHARED else one.exe
