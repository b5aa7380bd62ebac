"""Who a process is: its key, the program that it is a life of, and when it was started."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastgasp.analysis.fields import whole
from lastgasp.timeline.model import Boot, Process

KEY = re.compile(rb"\d{1,10}@\d{1,18}")
INTERPRETERS = (b"python", b"perl", b"ruby", b"node", b"lua", b"php", b"java", b"sh", b"bash", b"dash", b"ash", b"env")
CLOCK_TICKS = 100  # a second, on every architecture but ia64 and alpha


def user_processes(boot: Boot) -> Iterator[Process]:
    """All but threads of the kernel, and but what has no key of pid and start, as in a ring that is damaged."""
    return (one for one in boot.processes.values() if not one.kernel and KEY.fullmatch(one.key))


def process_at(boot: Boot, pid: int, at_ms: int) -> Process | None:
    """Who had this pid at that moment, or had it last before it; None when the recording knows nobody."""
    ticks = clock_ticks(boot)
    found = [process for key, process in boot.processes.items() if KEY.fullmatch(key) and process.pid == pid]
    past = [(started_ms(process, ticks), process.key) for process in found]
    past = [(start_ms, key) for start_ms, key in past if start_ms <= at_ms]
    return boot.processes[max(past)[1]] if past else None


def clock_ticks(boot: Boot) -> int:
    """Ticks in a second of the times that the kernel gives in ticks."""
    return whole(boot.machine().get("clock_ticks")) or CLOCK_TICKS


def started_ms(process: Process, ticks: int) -> int:
    """When it was started, in ms since boot; its key has to be one of pid and start."""
    return int(process.key.partition(b"@")[2]) * 1000 // ticks


def program(process: Process) -> bytes:
    """What to call it: its comm, and for an interpreter the script that it runs."""
    name = process.name
    if name.rstrip(b"0123456789.") not in INTERPRETERS:
        return name
    words = process.attributes.get("cmdline", b"").split(b" ")[1:]
    for word in words:
        if word == b"-m":
            continue
        if word.startswith(b"-"):
            if word in (b"-c", b"-e"):
                break
            continue
        script = word.rpartition(b"/")[2]
        return name + b" " + script[:32] if script else name
    return name


def names_of(comm: bytes, shown: bytes) -> tuple[bytes, ...]:
    """All that a process is called: as it is shown (see ``program``), its comm, and its script alone."""
    return (shown,) if shown == comm else (shown, comm, shown.removeprefix(comm + b" "))
