"""Power cuts by the thousand: all that a guest writes to its disk is logged, and the disk after a cut made from that.

The agent writes ten times a second to an ext4 disk, blocks that are full and blocks that are not, into a ring that
comes round, while others write, rename and remove files beside it. Then, at a thousand points of the log, an image is
made (crash_image), mended by e2fsck as at a boot, and the ring taken out. It must hold each block that had been synced
and none that was not written; it is decoded, and its samples must be some that were taken; the report opens (made of
each fourth ring that differs). Images of a disk whose flushes do nothing show that a loss would be seen.
"""

import contextlib
import io
import random
import shutil
import time
from collections import Counter
from pathlib import Path

from bed.block_log import Entry, entries
from bed.errors import BedError
from bed.guest import Disk
from lastgasp.cli import main as cli
from lastgasp.ring.prepare import RECENT
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import load
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.crash_image import Medium
from rehearsals.device import Bench, device
from rehearsals.file_systems import CHURN
from rehearsals.media import FIND_DISK
from rehearsals.power_cut import E2FSCK_BAD, HURRY
from rehearsals.promises import Promises, writes_in

IMAGES = 1000
CONTROLS = 50
REPORT_EVERY = 4  # of rings that differ: it takes as long as everything else
LOST = 64  # log entries that a disk loses whose flushes do nothing
SEED = 20261123
RUN_S = 60
RUN_TIMEOUT_S = 1800  # the guest's clock goes by its instructions, on a busy host slowly
BLOCK = 4096
RING = "/media/ring"
RING_IN_IMAGE = "/ring"
SETTINGS = {"interval": "100ms", "pressure_interval": "100ms", "ring_size": "256k", "ring_path": RING}
# Beside the ring: a log that grows, is synced now and then, renamed and removed.
OTHERS = (
    "(n=0; while :; do n=$((n + 1)); head -c 3000 /dev/urandom >> /media/log;"
    " [ $((n % 7)) != 0 ] || sync -d /media/log; [ $((n % 20)) != 0 ] || mv /media/log /media/log.old;"
    " usleep 60000; done) > /dev/null 2>&1 &"
)


def rehearse(bench: Bench) -> int:
    """Record, then cut. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} crash images")
    disk, log, fresh = bench.file("crash.ext4"), bench.file("crash.log"), bench.file("crash.fresh")
    parts.fresh_disk(disk, "8M")
    shutil.copy(disk, fresh)
    setup = bench.setup("crash", None, SETTINGS, disks=[Disk(disk, "medium", log)], counted=True)
    with device(setup, bench.file("crash.console")) as there:
        there.guest.check(f"{FIND_DISK}\nmount -t ext4 /dev/medium /media")
        checks.check(not there.start(), "the agent starts without a word")
        there.guest.check(f"{CHURN}\n{OTHERS}\n{HURRY}")
        there.guest.check(f"sleep {RUN_S // 2}", RUN_TIMEOUT_S)
        there.guest.check("kill -9 $(cat /run/agent.pid); rm -f /run/lastgasp.sock; sleep 1")
        checks.check(not there.start(), "it goes on in the ring without a word")
        there.guest.check(HURRY)
        there.guest.check(f"sleep {RUN_S // 2}", RUN_TIMEOUT_S)
        there.guest.close()
    requests = list(entries(log.read_bytes()))
    flushes, written = sum(entry.flush for entry in requests), sum(len(entry.data) for entry in requests)
    checks.measured(f"{len(requests)} requests, {flushes} flushes, {written} bytes written to the disk")
    _cut(requests, fresh.read_bytes(), bench, checks)
    return checks.failed


def _cut(requests: list[Entry], fresh: bytes, bench: Bench, checks: Checks) -> None:
    """Make the images and look at each."""
    blocks = bench.file("crash-blocks")
    blocks.write_bytes(b"".join(_blocks(entry.data) for entry in requests))
    taken = _samples(blocks)
    first = next(n for n, entry in enumerate(requests) if writes_in(entry.data, BLOCK))
    dice = random.Random(SEED)
    checks.measured(f"{len(blocks.read_bytes()) // BLOCK} blocks written, {len(taken)} samples taken; seed {SEED}")
    ends = sorted(dice.choices(range(first + 1, len(requests) + 1), k=IMAGES))
    started = time.monotonic()
    medium, promises, at = Medium(fresh, requests), Promises(complete=True), 0
    faults, mended, promised = [], Counter[str](), 0
    read: dict[bytes, list[str]] = {}  # many images have the same ring
    for end in ends:
        at = _watch(promises, requests, at, end)
        status, words, broken, ring = _mend(medium.cut(end, dice), bench)
        mended[words if status else "clean"] += 1
        promised += promises.kept
        data = ring.read_bytes()
        if data not in read:
            report = closed(ring) if len(read) % REPORT_EVERY == 0 else []
            read[data] = [*holes(ring), *_invented(ring, taken), *report]
        wrong = broken or [*promises.faults(data), *read[data]]
        faults += [f"cut after request {end}: {what}" for what in wrong]
    seconds = (time.monotonic() - started) / IMAGES
    found = "; ".join(faults[:5]) or "all there"
    checks.check(not faults, f"{IMAGES} images, {promised} blocks promised in them: {found}")
    words = ", ".join(f"{count} times {what}" for what, count in mended.most_common(4))
    checks.measured(f"{len(read)} different rings, each decoded, of every {REPORT_EVERY}th a report")
    checks.measured(f"e2fsck: {words}; {seconds:.2f} s an image")
    _control(requests, fresh, bench, checks, dice, first)


def _control(
    requests: list[Entry], fresh: bytes, bench: Bench, checks: Checks, dice: random.Random, first: int
) -> None:
    """A disk that ignores flushes has to be found out each time."""
    ends = sorted(dice.sample(range(first + 2 * LOST, len(requests) + 1), CONTROLS))
    medium, promises, at, caught = Medium(fresh, requests), Promises(complete=True), 0, 0
    for end in ends:
        at = _watch(promises, requests, at, end)
        _, _, found, ring = _mend(medium.cut_with_a_lying_disk(end, LOST), bench)
        caught += bool(found or promises.faults(ring.read_bytes()))
    checks.check(caught == CONTROLS, f"of {CONTROLS} images of a disk that ignores flushes {caught} are found out")


def _watch(promises: Promises, requests: list[Entry], start: int, end: int) -> int:
    for entry in requests[start:end]:
        for write in writes_in(entry.data, BLOCK):
            promises.saw(write)
    return end


def _blocks(data: bytes) -> bytes:
    pieces = (data[at : at + BLOCK] for at in range(0, len(data), BLOCK))
    return b"".join(piece for piece in pieces if writes_in(piece, BLOCK))


def _mend(data: bytes, bench: Bench) -> tuple[int, str, list[str], Path]:
    """e2fsck's status and words, what is wrong with the file system, and the ring that is in it."""
    image, ring = bench.file("crash-image"), bench.file("crash-ring")
    image.write_bytes(data)
    status, words = parts.check_disk(image)
    found = [f"e2fsck: {status}, {words}"] if status >= E2FSCK_BAD else []
    try:
        parts.take_file(image, RING_IN_IMAGE, ring)
    except BedError as error:
        found.append(str(error))
    return status, words, found, ring


def _samples(ring: Path) -> set[tuple[bytes, int]]:
    """Boot and time of each sample in a file with blocks."""
    return {(boot.boot_id, at) for recording in load(str(ring)) for boot in recording.boots for at in boot.sample_at}


def holes(ring: Path) -> list[str]:
    """Blocks that are missing between those that are there.

    Not at the old end: a block may stand in the slot before that of its predecessor, and is then overwritten first.
    """
    with open(ring, "rb") as file:
        numbers = {block.number for block in scan(file).blocks}
    missing = set(range(min(numbers, default=0) + RECENT, max(numbers, default=-1) + 1)) - numbers
    return [f"blocks {sorted(missing)} are missing"] if missing else []


def _invented(ring: Path, taken: set[tuple[bytes, int]]) -> list[str]:
    invented = _samples(ring) - taken
    return [f"{len(invented)} samples that were not taken"] if invented else []


def closed(ring: Path) -> list[str]:
    """What the report says of a ring that it does not open."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = cli.main(["report", str(ring)])
    return [f"report: exit status {status}: {said.getvalue().strip()[-200:]}"] if status else []
