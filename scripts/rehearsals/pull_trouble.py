"""Pulls that are disturbed: the device stops for a while or for ever, reboots, the wire is cut, somebody hits Ctrl-C.

After each, what came is kept, and the next pull brings the rest: all of it together is what is in the ring.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bed import console, ssh
from bed.console import Flood
from bed.errors import BedError
from benchmarks import synthetic
from rehearsals.checks import Checks
from rehearsals.device import Bench
from rehearsals.pull import FULL_BYTES, FULL_RING, SETTINGS
from rehearsals.wired import Pulled, Pulling, Wired, differences, setup_of, wired

BUSY = Flood(4, 0)
STOP_S = 20
MIDDLE_BYTES = 40_000  # on the wire: blocks are coming
PATIENCE_S = 120
END_S = 400
FAILED, PARTLY, INTERRUPTED = 1, 3, 130
OPTIONS = ("--ring", f"/{FULL_RING}", "--json")

Disturb = Callable[[Wired, Pulling], None]


def rehearse(bench: Bench) -> int:
    """Each trouble, on one guest as long as it lives. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} pull in trouble")
    full = bench.file("full.ring")
    synthetic.make(str(full), FULL_BYTES, 4096)
    setup = replace(setup_of(bench, "trouble", SETTINGS), may_reset=True)
    setup.files.append((full, FULL_RING))
    with wired(bench, "trouble", setup) as there:
        console.answer(there.guest, "ash")
        console.flood(there.guest, BUSY)
        _try(checks, there, full, "stopped for 20 s", "pty", _stop_a_while, (0,))
        _try(checks, there, full, "Ctrl-C", "unix", _interrupt, (INTERRUPTED,))
        _try(checks, there, full, "the socket is cut", "unix", _hang_up, (0, FAILED, PARTLY))
        _try(checks, there, full, "ssh cut off", "ssh", _end_ssh, (FAILED, PARTLY))
        _try(checks, there, full, "reboots into a login", "pty", _reset, (0,))
        _try(checks, there, full, "stopped for ever", "unix", _stop, (FAILED, PARTLY), _thaw)
        there.guest.power_off()
    return checks.failed


def _try(
    checks: Checks,
    there: Wired,
    full: Path,
    name: str,
    wire: str,
    disturb: Disturb,
    statuses: tuple[int, ...],
    after: Callable[[Wired], None] | None = None,
) -> None:
    """Disturb one pull; judge it, and the one after it."""
    folder = there.folder / name.replace(" ", "-")
    options = [*OPTIONS, "--login", "root", "--password-file", str(there.password_file())]
    running = there.start(wire, *options, output=folder)
    if _middle(there, running, wire):
        disturb(there, running)
    else:
        checks.check(False, f"{name}: it ended before anything could be done to it")
    pulled = running.end(END_S)
    checks.check(
        pulled.status in statuses,
        f"{name}: exit status {pulled.status} after {pulled.seconds:.0f} s, {_blocks(pulled)} blocks",
    )
    if pulled.status != 0:
        checks.measured(f"{name}: it said: {pulled.last_words}")
    if after:
        after(there)
    before = {path: differences(path, full) for path in pulled.recordings}
    checks.check(not any(before.values()), f"{name}: nothing came that is not in the ring")
    again = there.pull(wire, *options, output=folder, timeout_s=END_S)
    wrong = differences(full, again.recordings[0]) if again.recordings else ["nothing came"]
    checks.check(
        again.status == 0 and not wrong,
        f"{name}: pulled again in {again.seconds:.0f} s, then {_blocks(again)} blocks;"
        f" not as in the ring: {', '.join(wrong[:3]) or 'none'}",
    )
    if again.status != 0:
        checks.measured(f"{name}: it said: {again.last_words}")


def _blocks(pulled: Pulled) -> int:
    return sum(path.stat().st_size // 4096 for path in pulled.recordings)


def _middle(there: Wired, running: Pulling, wire: str) -> bool:
    """Wait until blocks are coming."""
    deadline = time.monotonic() + PATIENCE_S
    while running.running() and time.monotonic() < deadline:
        if wire == "ssh":
            with contextlib.suppress(BedError):
                if not there.guest.run("ps | grep -q '[d]ump'")[0]:
                    return True
        elif there.wire.counts.to_laptop > MIDDLE_BYTES:
            return True
        time.sleep(0.05)
    return False


def _stop_a_while(there: Wired, running: Pulling) -> None:
    there.guest.freeze()
    time.sleep(STOP_S)
    there.guest.thaw()


def _stop(there: Wired, running: Pulling) -> None:
    there.guest.freeze()


def _thaw(there: Wired) -> None:
    there.guest.thaw()


def _interrupt(there: Wired, running: Pulling) -> None:
    running.signal(signal.SIGINT)


def _hang_up(there: Wired, running: Pulling) -> None:
    there.wire.hang_up()


def _end_ssh(there: Wired, running: Pulling) -> None:
    there.guest.check(f"for pid in $(pidof dropbear); do [ $pid = $(cat {ssh.PID}) ] || kill $pid; done")


def _reset(there: Wired, running: Pulling) -> None:
    """As a watchdog does it. Where there was a shell, there is a login then."""
    there.guest.monitor.ask("system_reset")
    there.guest.boot()
    console.answer(there.guest, "login")
    there.device.start()
