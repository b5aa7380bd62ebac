"""QEMU is killed while the agent writes, more than once; then everything that was synced must be there.

The host's page cache outlives QEMU, so what a real power cut does to a medium's own cache is not shown here: the
ring's tests do that with an emulated flash.
"""

import random
import shutil
import time

from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import RING, Bench, device
from rehearsals.recordings import Told

CUTS = 3
SETTINGS = {"interval": "100ms", "pressure_interval": "100ms", "ring_size": "256k"}
# Every tenth of a second everything to flash, so that a cut falls among writes.
HURRY = "(while kill -USR1 $(cat /run/agent.pid); do usleep 100000; done) > /dev/null 2>&1 &"
E2FSCK_BAD = 4


def rehearse(bench: Bench) -> int:
    """Cut the power several times, then stop cleanly. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} power cut")
    disk = parts.fresh_disk(bench.file("cut.ext4"), "16M")
    setup = bench.setup("cut", disk, SETTINGS)
    dice = random.Random(1)
    wanted = []
    flushed = 0
    for number in range(1, CUTS + 1):
        with device(setup, bench.file("cut.console")) as there:
            there.start()
            wanted.append(f"before cut {number}")
            there.ask(f'mark "{wanted[-1]}"')
            there.guest.check(HURRY)
            time.sleep(3 + dice.random())
            there.ask("flush")
            flushed += there.status()["samples"]
            time.sleep(dice.random())
            there.guest.close()
        copy = bench.file(f"cut-{number}.ext4")
        shutil.copy(disk, copy)
        status, words = parts.check_disk(copy)
        checks.check(status < E2FSCK_BAD, f"e2fsck after cut {number}: exit status {status}, {words}")
        told = Told(parts.take_file(copy, RING, bench.file(f"cut-{number}.ring")))
        checks.check(
            not told.lost and len(told.recording.boots) == number,
            f"after cut {number}: {len(told.recording.boots)} boots, {told.recording.samples} samples,"
            f" lost or invalid: {', '.join(told.lost) or 'nothing'}",
        )
        checks.check(
            told.recording.samples >= flushed, f"{flushed} samples were flushed, {told.recording.samples} are there"
        )
    with device(setup, bench.file("cut.console")) as there:
        checks.check(not there.start(), "the agent goes on in the ring without a word")
        there.ask('mark "no cut"')
        there.stop()
        there.guest.power_off()
    told = Told(parts.take_file(disk, RING, bench.file("cut.ring")))
    texts = [mark["text"] for mark in told.marks()]
    checks.check(texts == [*wanted, "no cut"], f"marks: {', '.join(texts)}")
    ends = [run["end"] for run in told.report["runs"]]
    checks.check(ends == ["unclean"] * CUTS + ["stopped"], f"the runs ended: {', '.join(ends)}")
    checks.check(not told.lost, f"lost or invalid at last: {', '.join(told.lost) or 'nothing'}")
    checks.measured(f"{len(told.recording.boots)} boots, {told.recording.samples} samples in one recording")
    return checks.failed
