"""`lastgasp pull` from a real guest: over its network, and over its serial line with a login and a kernel that talks.

Skipped, and said so at the end of the run, where what a guest is made of cannot be had. All wires and troubles are in
`scripts/rehearse-device pull pull-trouble pull-hours`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import guests
from bed import console
from bed.console import Flood
from bed.targets import BOARDS, DEFAULT_KERNEL, KERNELS
from rehearsals import parts
from rehearsals.device import Bench
from rehearsals.pull import answer
from rehearsals.wired import PROGRAMS, Wired, differences, setup_of, wired

BOARD = BOARDS["armhf"]
RECORD_S = 8
SSH = {"ssh": "openssh-client", "ssh-keygen": "openssh-client"}
LEVEL = "cut -f 1 /proc/sys/kernel/printk"


def test_a_ring_comes_whole_over_ssh_and_over_a_console(tmp_path: Path) -> None:
    if reason := guests.missing([BOARD], SSH, PROGRAMS):
        pytest.skip(f"no guests can be made here: {reason}")
    bench = Bench(BOARD, KERNELS[DEFAULT_KERNEL], tmp_path, parts.build_agent(tmp_path))
    with guests.slot(), wired(bench, "wires", setup_of(bench, "wires", {"interval": "200ms"})) as there:
        there.guest.check(f"sleep {RECORD_S}")
        over_ssh(there)
        over_a_console(there)
        there.guest.power_off()


def over_ssh(there: Wired) -> None:
    there.device.ask("flush")
    ring, folder = there.ring(), there.folder / "over-ssh"
    pulled = there.pull("ssh", "--json", output=folder)
    assert pulled.status == 0, pulled.last_words
    assert answer(pulled)["with_agent"]
    assert differences(ring, pulled.recordings[0]) == []
    there.device.stop()
    there.pull("ssh", output=folder)
    again = answer(there.pull("ssh", "--json", output=folder))
    assert (again["new_blocks"], again["missing_blocks"]) == (0, 0), "nothing is pulled twice"


def over_a_console(there: Wired) -> None:
    """The agent has stopped: so the ring stays as it is while it is pulled."""
    console.answer(there.guest, "login")
    console.flood(there.guest, Flood(5, 4))
    level = there.guest.check(LEVEL)
    ring = there.ring()
    pulled = there.pull("unix", "--json", "--login", "root", "--password-file", str(there.password_file()))
    assert pulled.status == 0, pulled.last_words
    assert differences(ring, pulled.recordings[0]) == []
    assert there.guest.check(LEVEL) == level, "the console's log level is as it was"
    assert pulled.counts.to_laptop >= answer(pulled)["new_bytes"]
    assert console.PASSWORD not in pulled.output + pulled.errors
