"""Recordings pulled over every wire: seconds, bytes, what was asked for again; and nothing is left behind."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed import console, tools
from bed.console import Flood
from benchmarks import synthetic
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import Bench
from rehearsals.wired import BAUD, Pulled, Wired, differences, setup_of, wired

RECORD_S = 20
SETTINGS = {"interval": "200ms"}
WARNINGS = Flood(10, 4)
EMERGENCIES = Flood(3, 0)
LOG_LEVEL = 7
FULL_RING = "opt/full.ring"
FULL_BYTES = 256 << 10
RATE = 0.70  # of the wire's, in bytes of blocks as they are on flash
LOGIN = ("--login", "root")


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    wire: str
    who: str = ""  # answers on the console (bed.console.ANSWERING)
    flood: Flood | None = None
    agent: bool = True
    full: bool = False  # a ring that is full, and not the agent's
    tools: str = ""  # what the device has no program for
    own: bool = False  # QEMU's own line, which has no rate

    @property
    def name(self) -> str:
        """In words."""
        words = [self.wire, *self._rate(), self.who]
        if self.flood:
            words.append(f"kernel prints {self.flood.lines_a_second:g}/s at level {self.flood.level}")
        if not self.agent:
            words.append("no lastgasp-agent" + (f", no {self.tools}" if self.tools else ""))
        return " ".join(filter(None, [*words, "full ring" if self.full else ""]))

    def _rate(self) -> list[str]:
        if self.own:
            return ["of QEMU itself"]
        return [] if self.wire == "ssh" else [f"at {BAUD}"]


CASES = (
    Case("ssh"),
    Case("unix", "login"),
    Case("unix", "ash"),
    Case("unix", "bare"),
    Case("tcp", "bash"),
    Case("pty", "ash"),
    Case("pty", "login", WARNINGS),
    Case("unix", "ash", EMERGENCIES),
    Case("ssh", full=True),
    Case("pty", "ash", full=True),
    Case("unix", "bash", EMERGENCIES, full=True),
    Case("ssh", agent=False),
    Case("unix", "ash", agent=False),
    Case("unix", "bash", agent=False, tools="base64"),
    Case("unix", "login", EMERGENCIES, agent=False, tools="base64 uuencode gzip"),
)


# Each on a guest of its own.
OWN_CASES = (
    Case("unix", "login", WARNINGS, own=True),
    Case("pty", "ash", EMERGENCIES, own=True),
)
HEAD = ("wire", "seconds", "bytes of blocks", "bytes on the wire", "asked again")
LEFT = "ps | grep '[d]ump'; ls -A /tmp; ls -d /root/.*history 2>/dev/null; true"


def rehearse(bench: Bench) -> int:
    """All cases. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} pull")
    rows = [HEAD, *_rows(bench, checks, CASES, "")]
    for case in OWN_CASES:
        rows += _rows(bench, checks, (case,), case.wire)
    for row in rows:
        checks.measured(" | ".join(row))
    return checks.failed


def _rows(bench: Bench, checks: Checks, cases: tuple[Case, ...], own: str) -> list[tuple[str, ...]]:
    """Pull all of them from one guest."""
    full = bench.file("full.ring")
    synthetic.make(str(full), FULL_BYTES, 4096)
    name = f"pull-{own}" if own else "pull"
    setup = setup_of(bench, name, SETTINGS)
    setup.files.append((full, FULL_RING))
    with wired(bench, name, setup, own=own) as there:
        there.guest.check(f"sleep {RECORD_S}", 4 * RECORD_S)
        rows = [_case(checks, there, case, full) for case in cases]
        left = there.guest.check(LEFT).split()
        checks.check(not left, f"left behind on the device: {' '.join(left) or 'nothing'}")
        there.guest.power_off()
    return rows


def _case(checks: Checks, there: Wired, case: Case, full: Path) -> tuple[str, ...]:
    """Pull, and hold what came against the ring; return a row of the table."""
    guest = there.guest
    if case.who:
        console.answer(guest, case.who, LOG_LEVEL)
    if not case.agent:
        there.hide_agent()
    for tool in case.tools.split():
        guest.check(f"mv /bin/{tool} /bin/{tool}.hidden")
    there.device.ask("flush")
    before = full if case.full else there.ring()
    state = _state(there, case)
    options = [*(LOGIN if case.who == "login" else ()), "--json"]
    if case.who == "login":
        options += ["--password-file", str(there.password_file())]
    if case.full:
        options += ["--ring", f"/{FULL_RING}"]
    if case.flood:
        console.flood(guest, case.flood)
    pulled = there.pull(case.wire, *options)
    if case.flood:
        console.calm(guest)
    for tool in case.tools.split():
        guest.check(f"mv /bin/{tool}.hidden /bin/{tool}")
    if not case.agent:
        there.show_agent()
    said = answer(pulled)
    checks.check(pulled.status == 0, f"{case.name}: exit status {pulled.status}, {len(pulled.recordings)} recording")
    if pulled.status != 0 or len(pulled.recordings) != 1:
        checks.measured(f"{case.name}: it said: {pulled.last_words}")
        return case.name, f"{pulled.seconds:.1f}", "failed", "", ""
    wrong = differences(before, pulled.recordings[0])
    checks.check(not wrong, f"{case.name}: blocks that are not as in the ring: {', '.join(wrong[:3]) or 'none'}")
    after = _state(there, case)
    told_apart = "as before" if state == after else f"{state}, then {after}"
    checks.check(state == after, f"{case.name}: log level and settings of the terminal: {told_apart}")
    tools.run([sys.executable, str(parts.SCRIPTS / "lastgasp"), "report", str(pulled.recordings[0])])
    return (
        case.name,
        f"{pulled.seconds:.1f}",
        str(said["new_bytes"]),
        str(said["received_bytes"]),
        str(said["asked_again"]),
    )


def answer(pulled: Pulled) -> dict[str, Any]:
    """What it says of the one device, in JSON; nothing where it failed."""
    try:
        devices: list[dict[str, Any]] = json.loads(pulled.output)["devices"]
    except ValueError:
        return {}
    return devices[0]


def _state(there: Wired, case: Case) -> str:
    """The console's log level, and the terminal as the shell on it has it; getty sets that anew."""
    level = there.guest.check("cut -f 1 /proc/sys/kernel/printk").strip()
    if case.who in ("", "login"):
        return level
    return f"{level} {there.guest.check(f'stty -F {console.TTY} -g').strip()}"
