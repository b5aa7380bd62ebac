"""The ring on other file systems than ext4, and on a bare block device: cut off, gone on with, full, and worn how fast.

NAND flash is the kernel's simulator, which forgets when the kernel ends. So there the agent is killed, the chip dumped
and searched for the ring, and the file system attached anew; what stands on a disk goes through a power cut, as in
power_cut.
"""

import io
import time
from pathlib import Path
from typing import Any

from bed.guest import Disk
from lastgasp.pull.image.rings import rings
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import newest_versions
from rehearsals.checks import Checks
from rehearsals.device import CONFIG, Bench, Device, device
from rehearsals.media import AT_ONCE, MEDIA, MODULES, NAND_DUMP, PROGRAMS, Medium
from rehearsals.parts import AGENT
from rehearsals.power_cut import HURRY
from rehearsals.recordings import Told

RING_BYTES = 512 << 10
SETTINGS = {"interval": "100ms", "pressure_interval": "100ms", "ring_size": "512k"}
MEM = "256M"  # the simulated chip is memory
BUSY_S = 40
HURRY_S = 10
FULL_S = 20
FILL_TIMEOUT_S = 900
DUMP_TIMEOUT_S = 900
# Processes that come and go, each with a command line that does not compress: blocks are full in a second or two.
CHURN = (
    "touch /run/churn; (base64 -w 110 /dev/urandom | while read -r word && [ -e /run/churn ]; do"
    " sh -c 'usleep 200000; :' $word & usleep 30000; done) > /dev/null 2>&1 &"
)
# What does not compress, in pieces that become smaller, until not one byte more is taken.
FILL = """cd /; mkdir -p -m 777 /media/others
su -s /bin/sh {user} -c 'for size in 64k 4k 512 1; do
    dd if=/dev/urandom of=/media/others/{user}.$size bs=$size count=20000 2>/dev/null; sync; done'
stat -f -c '%f blocks free, %a for others than root' /media"""
# Where no ring should be, or none can: name, what makes the place, the ring, exit status of run, what is said.
PLACES = (
    ("tmpfs", ":", "/run/place/ring", 0, "is on tmpfs: it will not outlive a power cycle"),
    (
        "overlay",
        "modprobe overlay; mkdir -p /run/upper /run/work /over;"
        " mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work overlay /over",
        "/over/ring",
        0,
        "is on overlay: it outlives a power cycle only if the upper folder does",
    ),
    (
        "read-only",
        "mkdir /plain /ro; mount --bind /plain /ro; mount -o remount,ro,bind /ro",
        "/ro/ring",
        1,
        "read-only file system: set ring_path to a partition that can be written",
    ),
    (
        "read-only, with a ring",
        "head -c 524288 /dev/urandom > /plain/old",
        "/ro/old",
        1,
        "read-only file system: set ring_path to a partition that can be written",
    ),
)


def rehearse(bench: Bench) -> int:
    """Every medium in turn, then the places that are none. Returns the number of failures."""
    failed = 0
    for medium in MEDIA:
        checks = Checks(f"{bench.board.arch.name} {medium.name}")
        _two_runs(bench, medium, checks)
        failed += checks.failed
    return failed + _places(bench)


def _two_runs(bench: Bench, medium: Medium, checks: Checks) -> None:
    name = f"files-{medium.name.replace(' ', '-')}"
    disks = []
    if medium.make is not None:
        disks.append(Disk(medium.image(bench.file(f"{name}.img"), RING_BYTES), "medium"))
    setup = bench.setup(
        name, None, SETTINGS | {"ring_path": medium.ring}, mem=MEM, disks=disks, modules=MODULES, programs=PROGRAMS
    )
    console, ring = bench.file(f"{name}.console"), bench.file(f"{name}.ring")
    with device(setup, console) as there:
        there.guest.check(f"{medium.find}\n{medium.mount}")
        flushed = _first_run(there, medium, checks)
        if not disks:
            there.guest.check("kill -9 $(cat /run/agent.pid); rm /run/lastgasp.sock; sleep 1")
            _found_in_dump(there, medium, checks, bench.file(f"{name}.dump.gz"))
            there.guest.check(medium.unmount)
            there.guest.check(medium.mount)
            _second_run(there, medium, checks, ring)
    if disks:
        with device(setup, console) as there:
            there.guest.check(f"{medium.find}\n{medium.mount}")
            _second_run(there, medium, checks, ring)
    told = Told(ring if medium.is_file else disks[0].image)
    texts = [mark["text"] for mark in told.marks()]
    checks.check(texts == ["before", "after", "full"], f"marks in one recording: {', '.join(texts)}")
    ends = [run["end"] for run in told.report["runs"]]
    checks.check(ends == ["unclean", "stopped"], f"the runs ended: {', '.join(ends)}")
    kept = sum(len(boot.sample_at) for boot in told.recording.boots)
    checks.check(kept >= flushed, f"{flushed} samples were flushed in the first run, {kept} of both are there")
    # Writes that were refused are told of, and that they were is no loss yet.
    lost = [text for text in told.lost if medium.kept_from == "root" or not text.startswith("write_errors")]
    checks.check(not lost, f"lost or invalid: {', '.join(lost) or 'nothing'}")


def _first_run(there: Device, medium: Medium, checks: Checks) -> int:
    """Up to the moment in which it is to end, among writes. Returns how many samples are on the medium."""
    checks.check(not there.start(), "the agent starts without a word")
    status = there.status()
    checks.check(status["ring_bytes"] == RING_BYTES, f"ring of {status['ring_bytes']} bytes on {status['file_system']}")
    if medium.is_file:
        size, blocks = map(int, there.guest.check(f"stat -c '%s %b' {medium.ring}").split())
        checks.check(size == RING_BYTES <= blocks * 512, f"file of {size} bytes, {blocks * 512} allotted")
    there.ask("mark before")
    there.guest.check(f"{AT_ONCE}\n{CHURN}")
    _record(there, medium, checks, "whole blocks, one at a time", BUSY_S)
    there.guest.check(f"rm /run/churn; sleep 2; {HURRY}")
    _record(there, medium, checks, "early blocks, ten a second", HURRY_S)
    there.ask("flush")
    samples: int = there.status()["samples"]
    time.sleep(0.5)
    return samples


def _found_in_dump(there: Device, medium: Medium, checks: Checks, dump: Path) -> None:
    """A dump of the chip, taken as it is, holds what can be read from the ring through the file system."""
    ring = there.guest.pull(medium.ring)
    there.guest.check(NAND_DUMP, DUMP_TIMEOUT_S)
    dump.write_bytes(there.guest.pull("/run/dump.gz"))
    found = {(block.number, block.write_number) for block in newest_versions(scan(io.BytesIO(ring)).blocks)}
    with rings(str(dump)) as findings:
        kept = {(p.number, p.write_number) for one in findings.rings for p in one.places.values()}
        checks.check(found <= kept and not findings.broken, f"of {len(found)} blocks {len(found & kept)} in a dump")
        checks.measured(f"dump of {findings.size} bytes: {'; '.join(findings.layout)}")
        for one in findings.rings:
            ways = ", ".join(f"{count} from {how}" for how, count in sorted(one.put_together.items()))
            checks.measured(f"ring with {len(one)} blocks, {one.superseded} older versions; put together: {ways}")


def _record(there: Device, medium: Medium, checks: Checks, what: str, seconds: int) -> dict[str, Any]:
    """Let it record for some time, and tell how much was programmed for that. Returns the status."""
    blocks = -there.status()["blocks_written"]
    programmed = -int(there.guest.check(f"sync; {medium.written}"))
    there.guest.check(f"sleep {seconds}", timeout_s=10 * seconds)
    status = there.status()
    blocks += status["blocks_written"]
    programmed += int(there.guest.check(f"sync; {medium.written}"))
    written = blocks * 4096
    checks.measured(
        f"{what}: {written} bytes in {blocks} writes, {programmed} programmed: {programmed / max(written, 1):.2f} times"
    )
    return status


def _second_run(there: Device, medium: Medium, checks: Checks, ring: Path) -> None:
    """The medium is filled up around the ring."""
    checks.check(not there.start(), "the agent goes on in the ring without a word")
    there.ask("mark after")
    if medium.is_file and medium.kept_from:
        _fill(there, medium.kept_from, checks)
    there.guest.check(HURRY)
    there.ask("mark full")
    if medium.kept_from:
        status = _record(there, medium, checks, "full", FULL_S)
        good = not status["write_errors"] and not status["lost_bytes"]
        checks.check(good, f"full: {_errors(status)}, {status['samples']} samples")
    if medium.kept_from != "root":
        _fill(there, "root", checks)
        there.guest.check("sleep 5")
        checks.measured(f"filled up by root too: {_errors(there.status())}")
        there.guest.check("rm -r /media/others; sync; sleep 2")
        there.ask("flush")
        status = there.status()
        checks.check(not status["lost_bytes"], f"room again: {_errors(status)}")
    there.stop()
    if medium.is_file:
        ring.write_bytes(there.guest.pull(medium.ring))
    there.guest.check(medium.unmount)
    there.guest.power_off(60)


def _fill(there: Device, user: str, checks: Checks) -> None:
    left = there.guest.check(FILL.format(user=user), FILL_TIMEOUT_S).strip()
    checks.measured(f"filled up by {user}: {left}")


def _errors(status: dict[str, Any]) -> str:
    return (
        f"{status['write_errors']} write errors (errno {status['last_write_errno']}),"
        f" {status['unflushed_bytes']} bytes waiting, {status['lost_bytes']} lost"
    )


def _places(bench: Bench) -> int:
    checks = Checks(f"{bench.board.arch.name} places")
    setup = bench.setup("places", None, SETTINGS, mem=MEM, modules=MODULES)
    with device(setup, bench.file("places.console")) as there:
        for name, make, ring, expected, words in PLACES:
            there.guest.check(f"{make}\nsed 's,^ring_path.*,ring_path = {ring},' {CONFIG} > /run/place.conf")
            status, said = there.guest.run(f"timeout 15 {AGENT} run --config /run/place.conf 2>&1", 120)
            checks.check(status == expected and words in said, f"{name}: run, exit status {status}: {said.strip()}")
            status, said = there.guest.run(f"{AGENT} selftest --config /run/place.conf 2>&1", 120)
            last = said.strip().splitlines()[-1]
            checks.check(status == expected and words in last, f"{name}: selftest, exit status {status}: {last}")
        there.guest.power_off()
    return checks.failed
