"""How much memory is the agent's alone after 1,000 samples, beside nohang and atop.

The agent runs for real, but fifty times as fast as by default with all its intervals in proportion, so that 1,000
samples hold as many slow ticks, early writes and readings of mappings as they would in 83 minutes. Every process
is looked at from outside, several times, because what it takes for a moment (a block being compressed) comes and
goes; the agent is asked for its number of samples only afterwards.
"""

from __future__ import annotations

import time

from benchmarks import device, peers, procfs, workload
from benchmarks.children import Children
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, say

SAMPLES, QUICK_SAMPLES = 1000, 60
FASTER = 50
READINGS = 9
MOST = 3_000 * 1024  # 3.0 thousand of what smaps calls kB


def run(plan: Plan) -> list[Row]:
    """Rows "memory", one per interpreter."""
    samples = QUICK_SAMPLES if plan.quick else SAMPLES
    with Children(plan.folder) as children:
        workload.start(children, plan.folder, workload.MAIN)
        pids = {}
        if "nohang" in plan.peers:
            pids["nohang"] = peers.start_nohang(children, plan)
        if "atop" in plan.peers:
            pids["atop"], _ = peers.start_atop(children, plan, 1)
        devices = [device.start(children, plan, tree, device.faster(FASTER)) for tree in plan.trees]
        interval_s = device.DEFAULTS_MS["interval"] / FASTER / 1000
        say(f"{samples} samples take {samples * interval_s:.0f} s")
        time.sleep(samples * interval_s * 1.02 + 2)
        children.check()
        found = readings({one.name: one.pid for one in devices} | pids, interval_s)
        states = [one.status() for one in devices]
    peers_seen = tuple((name, Spread.of(found[name])) for name in pids)
    return [
        Row(
            "memory",
            f"private dirty memory after {samples} samples",
            "KiB",
            Spread.of(found[one.name]),
            one.tree.label,
            peers_seen,
            reach=Reach(MOST),
            missing="; ".join(text for name, text in plan.missing.items() if name in ("nohang", "atop")),
            notes=(
                f"{READINGS} readings of smaps_rollup; {workload.describe(workload.MAIN)}; {plan.surroundings()}",
                f"Python {one.tree.label}: {state['samples']} samples by then, {state['missed_ticks']} ticks missed, "
                f"{state['processes']} processes",
            ),
        )
        for one, state in zip(devices, states, strict=True)
    ]


def readings(pids: dict[str, int], apart_s: float) -> dict[str, list[float]]:
    """Private dirty memory of each in bytes, several times, at times that do not keep step with the ticks."""
    found: dict[str, list[float]] = {name: [] for name in pids}
    for number in range(READINGS):
        time.sleep(apart_s * (3 + number / READINGS))
        for name, pid in pids.items():
            found[name].append(procfs.private_dirty(pid))
    return found
