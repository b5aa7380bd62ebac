"""What has to be true of an image with the agent: looked at as files, and booted.

A leak up to a real OOM kill, a SIGKILL of the agent, a reboot and a power cut; then the ring is taken off the disk
and reported on.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from bed.errors import require
from bed.tools import run
from images.machine import Image, Machine, booted
from images.tree import Order
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.recordings import Told

OURS = ("usr/bin/lastgasp-agent", "usr/lib/lastgasp", "etc/lastgasp.conf", "etc/init.d/S01lastgasp")
PYTHON = ("usr/bin/python*", "usr/lib/python3*", "usr/lib/libpython3*", "usr/lib/libffi*", "usr/lib/libz.*")
RING = "lastgasp/ring"  # on the disk
DISK = "16M"
LEAK_S = 40
LEAK_TIMEOUT_S = 600
KILLED_STATUS = 137
STARTS_S = 120
RESTARTS_S = 60


def check(order: Order, machine: Machine, folder: Path, keep_text: Path | None = None) -> int:
    """Everything; returns the number of failures. Raises BedError when the image does not get that far."""
    checks = Checks(f"{order.arch} {order.variant}")
    files(order, checks)
    sizes(order, checks, folder)
    lives(order, machine, folder, checks)
    told(machine, folder, checks, keep_text)
    return checks.failed


def files(order: Order, checks: Checks) -> None:
    """What is in the image of ours, and what is not."""
    target = order.target
    agent = target / OURS[0]
    checks.check(agent.is_file() and bool(agent.stat().st_mode & 0o111), f"/{OURS[0]} is there")
    sources = [path for path in target.rglob("*.py") if "lastgasp" in str(path.relative_to(target))]
    checks.check(not sources, f"no Python source of ours in the image: {len(sources)}")
    compiled = [path for path in target.rglob("*.pyc") if "lastgasp" in str(path.relative_to(target))]
    checks.check(
        bool(compiled) == (order.variant == "bytecode"),
        f"files of our bytecode in the image: {len(compiled)}",
    )
    python = [path for name in PYTHON[:3] for path in target.glob(name)]
    if order.variant == "tiny":
        checks.check(not python, f"no Python in the image: {', '.join(path.name for path in python) or 'none'}")
    if order.variant != "bytecode":
        data = agent.read_bytes()
        paths = [text for text in (str(order.output), str(Path(__file__).parents[2])) if text.encode() in data]
        checks.check(not paths, f"no path of this host in the program: {', '.join(paths) or 'none'}")


def sizes(order: Order, checks: Checks, folder: Path) -> None:
    """How large the image is, and how much of that is ours and is Python's."""
    whole = squashed(order, [], folder)
    without = squashed(order, [*OURS], folder)
    bare = squashed(order, [*OURS, *PYTHON], folder)
    checks.measured(f"/{OURS[0]}: {kb((order.target / OURS[0]).stat().st_size)}")
    checks.measured(f"squashfs-xz of the root: {kb(whole)}; without us {kb(without)}: we add {kb(whole - without)}")
    if bare != without:
        checks.measured(f"without Python and what only it needs: {kb(bare)}; Python and we add {kb(whole - bare)}")


def squashed(order: Order, excluded: list[str], folder: Path) -> int:
    """Bytes of the target folder as a squashfs image without some files."""
    tool = order.output / "host/bin/mksquashfs"
    image = folder / "size.squashfs"
    image.unlink(missing_ok=True)
    command = [
        str(tool),
        str(order.target),
        str(image),
        "-noappend",
        "-comp",
        "xz",
        "-all-root",
        "-quiet",
        "-wildcards",
    ]
    run([*command, "-no-progress", "-nopad", "-e", "THIS_IS_NOT_YOUR_ROOT_FILESYSTEM", *excluded])
    return image.stat().st_size


def kb(size: int) -> str:
    """Thousands of bytes."""
    return f"{size / 1000:,.0f} kB"


def lives(order: Order, machine: Machine, folder: Path, checks: Checks) -> None:
    """Boot, and do all to it that a device has to bear."""
    leaker = folder / "leakd"
    run([str(order.compiler()), "-O1", "-static", "-o", str(leaker), str(parts.LEAKER_SOURCE)])
    make_disk(machine.data, leaker)
    with booted(machine, folder) as (guest, prompt_s):
        checks.measured(f"login prompt {prompt_s:.1f} s after QEMU was started")
        first = started(guest, checks)
        checks.check(" ro" in guest.check("grep ' / squashfs' /proc/mounts"), "the root is a squashfs, read only")
        killed(guest, checks, first)
        survives_oom(guest, checks)
        guest.reboot()
        guest.wait_for(lambda status: status["samples"] >= 2, STARTS_S)
        checks.check(True, "it runs again after a reboot")
        guest.check("lastgasp-agent mark 'before the power cut' && lastgasp-agent flush")


def make_disk(image: Path, leaker: Path) -> None:
    """The disk of the ring, with the leaker on it."""
    image.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as top:
        Path(top, "leakd").write_bytes(leaker.read_bytes())
        Path(top, "leakd").chmod(0o755)
        Path(top).chmod(0o755)
        command = [require("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d", top]
        run([*command, str(image), DISK])


def started(guest: Image, checks: Checks) -> int:
    """The agent was started by init and records; returns its pid."""
    status = guest.wait_for(lambda status: status["samples"] >= 2, STARTS_S)
    checks.check(True, f"init has started the agent (pid {status['pid']}), and it records")
    checks.check(str(status["ring"]).endswith(RING), f"into {status['ring']}")
    checks.check(not status["write_errors"] and not status["lost_bytes"], "without write errors")
    uptime = float(guest.check("cut -d ' ' -f 1 /proc/uptime"))
    checks.measured(f"it was started {uptime - status['running_s']:.0f} s after the kernel")
    return int(status["pid"])


def killed(guest: Image, checks: Checks, pid: int) -> None:
    """After SIGKILL there is another one soon."""
    guest.check(f"kill -9 {pid}")
    begin = time.monotonic()
    status = guest.wait_for(lambda status: status["pid"] != pid and status["samples"] >= 2, RESTARTS_S)
    checks.check(status["pid"] != pid, f"after SIGKILL it records again within {time.monotonic() - begin:.0f} s")


def survives_oom(guest: Image, checks: Checks) -> None:
    """A leak takes all memory; the kernel kills the leaker and not the agent."""
    before = guest.wait_for(lambda status: status["samples"] >= 2, RESTARTS_S)
    available = int(guest.check("sed -n 's/MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"))
    status, _ = guest.run(f"/data/leakd {available // LEAK_S}", LEAK_TIMEOUT_S)
    checks.check(status == KILLED_STATUS, f"the OOM killer took the leaker (exit status {status})")
    after = guest.wait_for(lambda status: status["samples"] > before["samples"], RESTARTS_S)
    checks.check(after["pid"] == before["pid"], "the agent lived through it")
    checks.check(after["oom_reports"] >= 1, f"and has the OOM report: {after['oom_reports']}")
    memory = f"{after['private_dirty_kb']} kB private dirty, {after['pss_kb']} kB PSS"
    rss = re.search(r"VmRSS:\s*(\d+)", guest.check(f"cat /proc/{after['pid']}/status"))
    checks.measured(f"the agent after {after['samples']} samples: {memory}, {rss[1] if rss else '?'} kB Rss")
    checks.measured(f"CPU: {after['cpu_ms_per_sample']} ms per sample of {after['processes']} processes, emulated")


def told(machine: Machine, folder: Path, checks: Checks, keep_text: Path | None) -> None:
    """What the ring on the disk says, after the power cut."""
    status, words = parts.check_disk(machine.data)
    checks.check(status < 4, f"after a power cut the disk is mended by its journal: {words}")
    ring = parts.take_file(machine.data, RING, folder / "ring")
    found = Told(ring)
    if keep_text:
        keep_text.write_text(found.text)
    answer = " ".join(found.report["answer"])
    # Of a leak of under a minute that is sometimes "leakd leaks", sometimes "Most likely leakd filled the memory".
    checks.check("leakd" in answer.partition(". ")[0], f"the answer of lastgasp report names leakd: {answer}")
    victims = [kill["victim"] for kill in found.report["ooms"]]
    checks.check(victims == ["leakd"], f"it tells of one kill: {', '.join(victims)}")
    checks.check(len(found.recording.boots) == 2, f"boots in the recording: {len(found.recording.boots)}")
    checks.check(not found.lost, f"nothing is lost or invalid: {', '.join(found.lost) or 'nothing'}")
    checks.check(
        [mark["text"] for mark in found.marks()] == ["before the power cut"], "what was flushed before the cut is there"
    )
