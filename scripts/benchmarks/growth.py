"""Does the agent grow? Private dirty memory from sample 1,000 to sample 20,000 (27 hours at the defaults).

``inside/warp`` runs the agent's own loop with waiting taken out and its clock put forward instead, so that slow
ticks, early writes and the ring's rounds come as often as they would. Processes are born and die all the time.
At each stop the memory is read several times, some samples apart, because a payload that grows until its block is
full comes and goes; growth is that of the median. In a PID namespace the kernel tells of no process events, so that
the agent's table of exit codes (64 entries) stays empty here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from benchmarks import device, procfs, workload
from benchmarks.children import ChildError, Children
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, Tree, say

STOPS = (1000, 2000, 5000, 10000, 15000, 20000)
QUICK_STOPS = (100, 200, 400)
READINGS, APART = 9, 11  # at each stop, and samples between two of them
MOST = 64 * 1024

Running = tuple[str, subprocess.Popen[bytes]]


def run(plan: Plan) -> list[Row]:
    """Rows "growth", one per interpreter; they run at the same time."""
    stops = QUICK_STOPS if plan.quick else STOPS
    with Children(plan.folder) as children:
        workload.start(children, plan.folder, workload.CHURN)
        running = [start(children, plan, tree) for tree in plan.trees]
        sizes: list[list[Spread]] = [[] for _ in running]
        for stop in stops:
            for seen, readings in zip(sizes, read(children, running, stop), strict=True):
                seen.append(Spread.of(readings))
            say(f"after {stop} samples: " + ", ".join(f"{seen[-1].median / 1024:.0f} KiB" for seen in sizes))
    return [row(plan, tree, seen, stops) for tree, seen in zip(plan.trees, sizes, strict=True)]


def read(children: Children, running: Sequence[Running], stop: int) -> list[list[int]]:
    """The sizes of each, in bytes, around this number of samples."""
    found: list[list[int]] = [[] for _ in running]
    for number in range(READINGS):
        for name, process in running:
            tell(children, name, process, stop + number * APART)
        for (name, process), readings in zip(running, found, strict=True):
            wait_for(children, name, process)
            readings.append(procfs.private_dirty(process.pid))
    return found


def start(children: Children, plan: Plan, tree: Tree) -> Running:
    """An agent for which waiting takes no time."""
    name = f"warp-{tree.label}"
    config = device.write_config(plan.folder, name, {})
    command = [tree.python, *device.FLAGS, f"{tree.folder}/warp.pyc", "run", "--config", config]
    return name, children.start(name, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def tell(children: Children, name: str, process: subprocess.Popen[bytes], stop: int) -> None:
    """Have it run on to this number of samples. Raises ChildError when it has ended."""
    try:
        if process.stdin is not None:
            process.stdin.write(b"%d\n" % stop)
            process.stdin.flush()
    except BrokenPipeError:
        raise ChildError(f"{name} ended: {children.last_words(name)}") from None


def wait_for(children: Children, name: str, process: subprocess.Popen[bytes]) -> None:
    """Return when it stands still. Raises ChildError when it has ended."""
    if process.stdout is None or not process.stdout.readline().strip().isdigit():
        raise ChildError(f"{name} ended: {children.last_words(name)}")


def row(plan: Plan, tree: Tree, sizes: Sequence[Spread], stops: Sequence[int]) -> Row:
    """The growth between the first stop and the last."""
    curve = ", ".join(f"{size.median / 1024:.0f} at {stop:,}" for stop, size in zip(stops, sizes, strict=True))
    return Row(
        "growth",
        f"growth of it, sample {stops[0]:,} to {stops[-1]:,}",
        "KiB",
        Spread.one(sizes[-1].median - sizes[0].median),
        tree.label,
        reach=Reach(MOST),
        notes=(
            f"{workload.describe(workload.CHURN)}, a brief one lives 20 to 300 ms; defaults, waiting left out; "
            f"{plan.surroundings()}",
            f"Python {tree.label}, KiB of private dirty, medians of {READINGS} readings: {curve}",
        ),
    )
