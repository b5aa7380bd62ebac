"""Leaks of some minutes up to a global OOM kill, and what the forecast says of the machine half-way.

What leaks is ``grow`` of the real programs (scripts/benchmarks/real), after a plan of its own each time.
"""

from pathlib import Path

from bed import tools
from bed.errors import require
from bed.targets import Arch
from benchmarks.real import kills
from benchmarks.real.stage import INSIDE
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import RING, Bench, device
from rehearsals.recordings import Told

LEAK_S = 150  # the leak takes what is available in this time, more or less
TIMEOUT_S = 900
AFTER_S = 4
# What besides a leak of RATE bytes a second, and what else runs.
PLANS = {
    "constant": ("", ""),
    "requests": ("poisson=30k", ""),
    "toothed": ("tooth=4M every=11", ""),
    "warmed": ("warm=6M over=20", ""),
    "cached": ("", "while :; do dd if=/dev/zero of=/data/log bs=64k count=80 2>/dev/null; sleep 2; done"),
}


def rehearse(bench: Bench) -> int:
    """All plans, a guest for each. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} forecast")
    said = []
    for name, (plan, beside) in PLANS.items():
        found = _leak(bench, name, plan, beside, checks)
        checks.check(len(found) == 1, f"{name}: one kill, of {', '.join(one.end.leaker.decode() for one in found)}")
        for one in found:
            told = "no forecast: " + one.reason if one.said_ms is None else f"{one.said_ms / 1000:.0f} s left"
            checks.measured(f"{name}: half-way, with {one.left_ms / 1000:.0f} s left, it says: {told}")
        said += found
    right = sum(one.right for one in said)
    checks.check(right >= kills.REACH * len(PLANS), f"{right} of {len(PLANS)} are within {kills.RIGHT:.0%}")
    return checks.failed


def _leak(bench: Bench, name: str, plan: str, beside: str, checks: Checks) -> list[kills.Foretold]:
    """Boot, record, leak until the kernel kills, stop, read the ring, and ask."""
    disk = parts.fresh_disk(bench.file(f"forecast-{name}.ext4"), "16M")
    setup = bench.setup(f"forecast-{name}", disk, {})
    setup.files.append((build_grow(bench, bench.board.arch), "opt/grow"))
    with device(setup, bench.file(f"forecast-{name}.console")) as there:
        there.start()
        there.guest.check("sleep 10")
        available_kb = int(there.guest.check("sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"))
        if beside:
            there.guest.check(f"({beside}) > /dev/null 2>&1 &")
        command = f"/opt/grow leak={available_kb * 1024 // LEAK_S} {plan} & wait $!; echo $?"
        status = there.guest.check(command, TIMEOUT_S).split()[-1]
        checks.check(status == "137", f"{name}: the leaker was killed: exit status {status}")
        there.guest.check(f"sleep {AFTER_S}", TIMEOUT_S)
        there.stop()
        there.guest.power_off(60)
    told = Told(parts.take_file(disk, RING, bench.file(f"forecast-{name}.ring")))
    return [one for one in kills.foretold(told.recording) if one.end.group is None]


def build_grow(bench: Bench, arch: Arch) -> Path:
    """The program, static. Raises BedError without a compiler."""
    compiler = require(f"{arch.triplet}-gcc", f"gcc-{arch.triplet} libc6-dev-{arch.name}-cross")
    target = bench.folder / f"grow-{arch.name}"
    if not target.exists():
        tools.run([compiler, "-O1", "-static", "-o", str(target), str(INSIDE / "grow.c"), "-lm"])
    return target
