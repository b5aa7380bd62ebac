"""Hard power cuts on flash that survives them: the agent writes to JFFS2 and to UBIFS on a NOR chip.

The chip is a file of the host (bed.flash) that holds what has been programmed and erased. A cut is a copy of it, made
while QEMU is stopped as it stands, between any two instructions of the guest: exactly what a QEMU that is killed then
leaves. At the end of each run QEMU is killed, and the next guest boots with that chip. The copies are put on the chip
of one more guest in turn and mounted there, so a kernel mends each of them as at a boot.

How far the writer was, a program in the guest tells by looking at the ring through the page cache: a block that is
seen there was written behind others that had been synced.
"""

import copy
import io
import random
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bed.bench import Setup
from bed.flash import AST2600, SABRELITE, FlashBoard
from lastgasp.pull.image.rings import rings
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import newest_versions
from rehearsals import parts
from rehearsals.amplification import CHURN
from rehearsals.checks import Checks
from rehearsals.crash_images import closed, holes
from rehearsals.device import Bench, Device, device
from rehearsals.media import RING
from rehearsals.power_cut import HURRY
from rehearsals.promises import Promises, Write
from rehearsals.recordings import Told

RUNS = 2
CUTS = 15  # in each run; the last one is the kill
SEED = 20261123
MEM = "256M"
CHURN_US = 150_000
SETTINGS = {
    "interval": "100ms",
    "pressure_interval": "100ms",
    "ring_size": "128k",
    "command_line": "1000",
    "ring_path": RING,
}
BLOCKS = (2, 8)  # that are seen between two cuts
PAUSE_S = 0.15  # at most, so that a cut falls anywhere between two writes
DRAIN_S = 0.2  # for what the guest had said before it was stopped
TIMEOUT_S = 300
WATCHER = parts.INSIDE / "watch-ring.py"
WATCH = f"python3 -I -S -E /opt/watch-ring.py {RING} &"
PUTTER = parts.INSIDE / "put-chip.py"
PUT = "/usr/sbin/flash_erase -q /dev/mtd0 0 0 && python3 -I -S -E /opt/put-chip.py /cuts/{image} /dev/mtd0"
SEEN = re.compile(rb"WROTE (\d+) (\d+) (\d+)\n")


DETACH = "/usr/sbin/ubidetach -p /dev/mtd0 > /dev/null"
ATTACH = "/usr/sbin/ubiattach -p /dev/mtd0 > /dev/null"


@dataclass(frozen=True, slots=True)
class Flash:
    """A file system on a board's chip."""

    name: str
    board: FlashBoard
    modules: tuple[str, ...]
    make: str  # once, on the erased chip, before it is mounted
    mount: str
    unmount: str
    programs: tuple[str, ...] = ()  # of mtd-utils


FLASHES = (
    Flash("JFFS2", SABRELITE, ("deflate", "lzo", "jffs2"), ":", "mount -t jffs2 mtd0 /media", "umount /media"),
    Flash(
        "UBIFS",
        AST2600,
        ("zstd", "deflate", "lzo", "ubi", "ubifs"),
        f"{ATTACH} && /usr/sbin/ubimkvol /dev/ubi0 -N log -m > /dev/null && {DETACH}",
        f"{ATTACH} && mount -t ubifs ubi0:log /media",
        f"umount /media && {DETACH}",
        ("ubiattach", "ubidetach", "ubimkvol"),
    ),
)


@dataclass(frozen=True, slots=True)
class Cut:
    """A chip as it was at some moment, and what was promised then."""

    name: str
    image: Path
    promises: Promises


def rehearse(bench: Bench) -> int:
    """Both file systems. Returns the number of failures."""
    failed = 0
    for flash in FLASHES:
        checks = Checks(f"{flash.name} on NOR")
        _rehearse(bench, flash, checks)
        failed += checks.failed
    return failed


def _rehearse(bench: Bench, flash: Flash, checks: Checks) -> None:
    name = f"nor-{flash.name}"
    chip = flash.board.fresh_chip(bench.file(f"{name}.chip"))
    programs = [("mtd-utils", f"usr/sbin/{program}") for program in (*flash.programs, "flash_erase")]
    machine = {"board": flash.board, "mem": MEM, "root": None, "modules": list(flash.modules), "programs": programs}
    setup = bench.setup(name, None, SETTINGS, chip=chip, **machine)
    setup.files.append((WATCHER, "opt/watch-ring.py"))
    console, ring = bench.file(f"{name}.console"), bench.file(f"{name}.ring")
    dice, promises = random.Random(SEED), Promises(complete=False)
    cuts: list[Cut] = []
    faults: list[str] = []
    for run in range(RUNS + 1):
        with device(setup, console) as there:
            _load(there, flash)
            there.guest.check(flash.mount if run else f"{flash.make} && {flash.mount}", TIMEOUT_S)
            if run:
                data = there.guest.pull(RING)
                faults += [f"kill {run}: {what}" for what in promises.faults(data)]
                promises.go_on(data)
            there.start()
            if run < RUNS:
                cuts += _write(there, chip, console, promises, dice, f"{name}-{run + 1}")
            else:
                there.stop()
                ring.write_bytes(there.guest.pull(RING))
                there.guest.check(flash.unmount)
    checks.check(not faults, f"QEMU killed {RUNS} times: {'; '.join(faults[:5]) or 'all that was synced is there'}")
    told = Told(ring)
    checks.check(not told.lost, f"lost or invalid at last: {', '.join(told.lost) or 'nothing'}")
    _mount_each(bench, setup, flash, cuts, checks)


def _load(there: Device, flash: Flash) -> None:
    there.guest.check(f"mkdir -p /media; for module in {' '.join(flash.modules)}; do modprobe $module; done", TIMEOUT_S)


def _write(
    there: Device, chip: Path, console: Path, promises: Promises, dice: random.Random, name: str
) -> Iterator[Cut]:
    """Have the agent write, copy the chip at some moments of it, and kill QEMU; ``promises`` knows what was seen."""
    at = console.stat().st_size
    there.guest.check(f"{CHURN.format(pause_us=CHURN_US)}\n{HURRY}\n{WATCH}")
    for number in range(1, CUTS + 1):
        for _ in range(dice.randint(*BLOCKS)):
            there.guest.expect(SEEN.pattern, TIMEOUT_S)
        time.sleep(dice.uniform(0, PAUSE_S))
        there.guest.freeze()
        time.sleep(DRAIN_S)
        said = console.read_bytes()
        end = said.rfind(b"\n") + 1
        for match in SEEN.finditer(said, at, end):
            promises.saw(Write(*map(int, match.groups())))
        at = end
        if number < CUTS:
            image = chip.with_name(f"{name}-{number}.cut")
            shutil.copy(chip, image)
            yield Cut(f"cut {number}", image, copy.deepcopy(promises))
            there.guest.thaw()
    there.guest.close()


def _mount_each(bench: Bench, setup: Setup, flash: Flash, cuts: list[Cut], checks: Checks) -> None:
    """Put each copy on the chip of a guest."""
    packed = []
    for cut in cuts:
        packed.append(cut.image.with_suffix(".z"))
        packed[-1].write_bytes(zlib.compress(cut.image.read_bytes()))
    chip, ring = flash.board.fresh_chip(bench.file("nor.chip")), bench.file("nor.ring")
    files = [(image, f"cuts/{image.name}") for image in packed]
    setup = replace(setup, chip=chip, files=[*files, (PUTTER, "opt/put-chip.py")])
    faults, promised = [], 0
    with device(setup, bench.file("nor.console")) as there:
        _load(there, flash)
        for cut, image in zip(cuts, packed, strict=True):
            there.guest.check(f"{PUT.format(image=image.name)} && {flash.mount}", TIMEOUT_S)
            data = there.guest.pull(RING)
            there.guest.check(flash.unmount, TIMEOUT_S)
            ring.write_bytes(data)
            wrong = [*cut.promises.faults(data), *holes(ring), *_unlike(cut.image, data), *closed(ring)]
            faults += [f"{cut.image.name}: {what}" for what in wrong]
            promised += cut.promises.kept
    checks.check(
        not faults, f"{len(cuts)} cuts, {promised} blocks promised at them: {'; '.join(faults[:5]) or 'all there'}"
    )


def _unlike(chip: Path, ring: bytes) -> list[str]:
    """What our own reader of chips does not find in one where the kernel does."""
    found = {(block.number, block.write_number) for block in newest_versions(scan(io.BytesIO(ring)).blocks)}
    with rings(str(chip)) as findings:
        kept = {(place.number, place.write_number) for one in findings.rings for place in one.places.values()}
    missing = found - kept
    return [f"{len(missing)} of {len(found)} blocks are not found in the chip as it is"] if missing else []
