"""Power cuts on UBIFS on simulated NAND, by the emulation that UBI has for this.

The simulated chip is the guest's memory, so QEMU cannot be killed. Instead UBI itself is told to behave as if power had
failed (debugfs, tst_emulate_power_cut): at some header of an erase block it writes nothing, and from then on nothing at
all, whatever UBIFS above it was in the middle of: a commit, a switch to the next erase block, garbage collection. The
agent is killed, the chip detached and attached anew, and UBIFS recovers from what is on it. What this does not show is
a page that was programmed half.
"""

import random
import re
import time
from pathlib import Path

from bed.errors import BedError
from rehearsals.amplification import CHURN
from rehearsals.checks import Checks
from rehearsals.crash_images import closed, holes
from rehearsals.device import Bench, Device, device
from rehearsals.media import MEDIA, MODULES, PROGRAMS, RING
from rehearsals.nor_cuts import SEEN, WATCH, WATCHER
from rehearsals.power_cut import HURRY
from rehearsals.promises import Promises, Write

CUTS = 24
SEED = 20261123
MEM = "256M"
CHURN_US = 150_000
TIMEOUT_S = 600
SETTINGS = {
    "interval": "100ms",
    "pressure_interval": "100ms",
    "ring_size": "128k",
    "command_line": "1000",
    "ring_path": RING,
}
# The headers of erase blocks (1: erase counters, 2: volumes), and which one of the next is not written.
EMULATE = (
    "cd /sys/kernel/debug/ubi/ubi0; echo {first} > tst_emulate_power_cut_min; echo {first} > tst_emulate_power_cut_max;"
    " echo {mask} > tst_emulate_power_cut"
)
LAST = re.compile(r"power cut when writing (\S+ header)")
DMESG = "dmesg | grep 'emulating a power cut' | tail -1"
# UBIFS that may not write any more: unmounting complains, and is done.
END = "kill -9 $(cat /run/agent.pid) $(cat /run/watch.pid); rm -f /run/lastgasp.sock /run/churn; sleep 1"
UBIFS = next(medium for medium in MEDIA if medium.name == "UBIFS")


def rehearse(bench: Bench) -> int:
    """One guest, and cuts in it one after another. Returns the number of failures."""
    checks = Checks("UBIFS on NAND")
    setup = bench.setup("nand-cuts", None, SETTINGS, mem=MEM, root=None, modules=MODULES, programs=PROGRAMS)
    setup.files.append((WATCHER, "opt/watch-ring.py"))
    console, ring = bench.file("nand-cuts.console"), bench.file("nand-cuts.ring")
    dice, promises = random.Random(SEED), Promises(complete=False)
    faults, promised, kinds = [], 0, []
    with device(setup, console) as there:
        there.guest.check(f"{UBIFS.find}\n{UBIFS.mount}", TIMEOUT_S)
        for number in range(1, CUTS + 1):
            there.start()
            kinds.append(_cut(there, console, promises, dice))
            there.guest.check(END, TIMEOUT_S)
            there.guest.check(f"{UBIFS.unmount}; {UBIFS.mount}", TIMEOUT_S)
            ring.write_bytes(there.guest.pull(RING))
            wrong = [*promises.faults(ring.read_bytes()), *holes(ring), *closed(ring)]
            faults += [f"cut {number}: {what}" for what in wrong]
            promised += promises.kept
            promises.go_on(ring.read_bytes())
        checks.check(not there.start(), "after the last cut the agent goes on without a word")
        there.stop()
    found = "; ".join(faults[:5]) or "all there"
    checks.check(not faults, f"{CUTS} emulated cuts, {promised} blocks promised at them: {found}")
    checks.measured(", ".join(f"{kinds.count(kind)} at a {kind}" for kind in sorted(set(kinds))))
    return checks.failed


def _cut(there: Device, console: Path, promises: Promises, dice: random.Random) -> str:
    """Have the agent write until UBI stops; return at what. ``promises`` then knows what had been seen."""
    start = console.stat().st_size
    there.guest.check(
        f"dmesg -c > /run/dmesg; {CHURN.format(pause_us=CHURN_US)}\n{HURRY}\n{WATCH} echo $! > /run/watch.pid"
    )
    there.guest.check(EMULATE.format(mask=dice.choice((1, 2, 2, 3)), first=dice.randint(1, 4)))
    deadline = time.monotonic() + TIMEOUT_S
    while not (match := LAST.search(there.guest.run(DMESG, TIMEOUT_S)[1])):
        if time.monotonic() > deadline:
            raise BedError(f"no emulated power cut in {TIMEOUT_S} s")
        time.sleep(0.5)
    for seen in SEEN.finditer(console.read_bytes()[start:]):
        promises.saw(Write(*map(int, seen.groups())))
    return match[1]
