"""What a sample costs, beside atop: CPU time and bytes on disk, at one sample a second.

All recorders run at the same time on the same processes. CPU is compared window by window, because this machine may
be doing other things: the ratio of two recorders in one window is worth more than either's milliseconds. Bytes are
those of whole blocks and of atop's file, both after a warm-up, so that the first full sample of each counts for
neither.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks import device, peers, procfs, workload
from benchmarks.children import Children
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, say
from benchmarks.ring_use import TooShort, Use, boot_s, disturbed, used

WARM_UP_S, WINDOW_S, WINDOWS = 25, 40, 7
QUICK = 8, 8, 3
CPU_REACH, BYTES_REACH = 1 / 4, 1 / 40
SETTINGS = {"interval": "1s"}


@dataclass(slots=True)
class Measured:
    """CPU seconds per sample of each recorder in each window, and atop's bytes per sample."""

    cpu: dict[str, list[float]]
    atop_bytes: list[float]
    from_s: float
    to_s: float


def run(plan: Plan) -> list[Row]:
    """Rows "bytes" and "cpu", one of each per interpreter."""
    with Children(plan.folder) as children:
        workload.start(children, plan.folder, workload.MAIN)
        devices = [device.start(children, plan, tree, SETTINGS) for tree in plan.trees]
        pids = {one.name: one.pid for one in devices}
        raw = ""
        if "atop" in plan.peers:
            pids["atop"], raw = peers.start_atop(children, plan, 1)
        measured = measure(children, plan, pids, raw)
        states = [one.status() for one in devices]
    rows = []
    for one, state in zip(devices, states, strict=True):
        label = one.tree.label
        rows.append(bytes_row(plan, label, one.ring, measured))
        rows.append(cpu_row(plan, label, measured.cpu[one.name], measured.cpu.get("atop"), state["missed_ticks"]))
    return sorted(rows, key=lambda row: row.name)


def measure(children: Children, plan: Plan, pids: Mapping[str, int], raw: str) -> Measured:
    """Watch all of them for all windows."""
    warm_up, window, windows = QUICK if plan.quick else (WARM_UP_S, WINDOW_S, WINDOWS)
    cpu: dict[str, list[float]] = {name: [] for name in pids}
    atop_bytes = []
    time.sleep(warm_up)
    began_s = boot_s()
    for number in range(windows):
        before, size, at = counters(pids, raw)
        time.sleep(window)
        children.check()
        after, new_size, now = counters(pids, raw)
        for name in pids:
            cpu[name].append((after[name] - before[name]) / (now - at) / 1e9)
        if raw:
            atop_bytes.append((new_size - size) / (now - at))
        shown = ", ".join(f"{name} {spent[-1] * 1000:.2f} ms" for name, spent in cpu.items())
        say(f"window {number + 1} of {windows}: CPU per sample {shown}")
    return Measured(cpu, atop_bytes, began_s, boot_s())


def counters(pids: Mapping[str, int], raw: str) -> tuple[dict[str, int], int, float]:
    """CPU time of each in ns, bytes of atop's file, and when."""
    return (
        {name: procfs.cpu_ns(pid) for name, pid in pids.items()},
        os.stat(raw).st_size if raw else 0,
        time.monotonic(),
    )


def bytes_row(plan: Plan, label: str, ring: str, measured: Measured) -> Row:
    """Bytes per sample, from the ring that the agent has left."""
    row = Row("bytes", "bytes on disk per sample", "B", interpreter=label, reach=Reach(BYTES_REACH, of_peer=True))
    peers_seen = (("atop", Spread.of(measured.atop_bytes)),) if measured.atop_bytes else ()
    try:
        use = used(ring, measured.from_s, measured.to_s)
    except TooShort as error:
        return replace(row, peers=peers_seen, missing=str(error))
    return replace(
        row,
        ours=Spread.one(use.blocks * use.block_size / use.seconds),
        peers=peers_seen,
        missing=plan.missing.get("atop", ""),
        notes=(
            f"1 s interval, {workload.describe(workload.MAIN)}; {plan.surroundings()}",
            f"ours are whole blocks: {use.blocks:.1f} of {use.block_size} bytes in {use.seconds:.0f} s; "
            f"{_rates(use)}; atop's is the growth of its file",
            *filter(None, [disturbed(ring)]),
        ),
    )


def _rates(use: Use) -> str:
    return f"{use.payload / use.seconds:.0f} B a sample before compression, {use.packed / use.seconds:.0f} B after"


def cpu_row(plan: Plan, label: str, ours: list[float], atop: list[float] | None, missed: int) -> Row:
    """CPU per sample, compared window by window."""
    row = Row("cpu", "CPU per sample", "ms", Spread.of(ours), label, reach=Reach(CPU_REACH, of_peer=True))
    if not atop:
        return replace(row, missing=plan.missing.get("atop", ""))
    return replace(
        row,
        peers=(("atop", Spread.of(atop)),),
        ratio=Spread.of([a / b for a, b in zip(ours, atop, strict=True)]),
        notes=(
            f"1 s interval, all at the same time, {len(ours)} windows compared one by one; {plan.surroundings()}",
            f"Python {label} missed {missed} ticks",
        ),
    )
