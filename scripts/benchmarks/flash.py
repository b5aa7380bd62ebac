"""How much is written to flash in a day at the defaults, and how long a history 4 MiB hold.

100 processes, ten of which do light work. A block holds minutes of that, so that a run of minutes would see one or
two; agent, atop and workload therefore run ten times as fast, all their intervals in proportion (a process that
wakes each second wakes each 100 ms, the agent's 5 s are 500 ms). The start burst is left out by a warm-up. What
blocks were used then counts to the fraction of the last one; early writes count as they were seen.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from benchmarks import device, peers, workload
from benchmarks.children import Children
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, say
from benchmarks.ring_use import TooShort, Use, boot_s, disturbed, used

FASTER = 10
WARM_UP_S, SECONDS = 90, 600
QUICK = 5, 40
ATOP_INTERVAL_S = 10
DAY_S = 86_400
RING = 4 * 1024 * 1024
MOST_A_DAY, LEAST_HOURS = 2e6, 36
STEP_S = 30


def run(plan: Plan) -> list[Row]:
    """Rows "flash": bytes a day, and hours of history; of the first interpreter, they do not differ."""
    warm_up, seconds = QUICK if plan.quick else (WARM_UP_S, SECONDS)
    raw, grown = "", 0.0
    with Children(plan.folder) as children:
        workload.start(children, plan.folder, workload.LIGHT, FASTER)
        one = device.start(children, plan, plan.trees[0], device.faster(FASTER))
        if "atop" in plan.peers:
            _, raw = peers.start_atop(children, plan, ATOP_INTERVAL_S // FASTER)
        wait(children, warm_up, "warming up")
        began_s, size = boot_s(), os.stat(raw).st_size if raw else 0
        wait(children, seconds, "recording")
        ended_s = boot_s()
        if raw:
            grown = (os.stat(raw).st_size - size) / (ended_s - began_s) / FASTER * DAY_S
    label = plan.trees[0].label
    rows = [
        Row("flash", "written to flash per day, defaults", "MB/day", None, label, reach=Reach(MOST_A_DAY)),
        Row("flash", "history that a 4 MiB ring holds", "h", None, label, reach=Reach(LEAST_HOURS, at_least=True)),
    ]
    if grown:
        rows = [
            replace(rows[0], peers=((f"atop at {ATOP_INTERVAL_S} s", Spread.one(grown)),)),
            replace(rows[1], peers=((f"atop at {ATOP_INTERVAL_S} s", Spread.one(RING / grown * 24)),)),
        ]
    try:
        use = used(one.ring, began_s, ended_s)
    except TooShort as error:
        return [replace(row, missing=str(error)) for row in rows]
    return judged(plan, rows, use, disturbed(one.ring))


def wait(children: Children, seconds: int, what: str) -> None:
    """Sleep, with a word now and then; raises ChildError when something ended."""
    say(f"{what} for {seconds} s")
    while seconds > 0:
        time.sleep(min(STEP_S, seconds))
        seconds -= STEP_S
        children.check()


def judged(plan: Plan, rows: list[Row], use: Use, warning: str) -> list[Row]:
    """Extrapolate."""
    lived_s = use.seconds * FASTER
    full = use.blocks * use.block_size / lived_s * DAY_S
    seen_early = max(use.writes - use.blocks, 0)
    early = seen_early * use.block_size / lived_s * DAY_S
    notes = (
        f"{workload.describe(workload.LIGHT)} (wakes each second, works 1 ms, its cache changes by up to 16 KiB at one "
        f"wake in four, writes 80 bytes); everything {FASTER} times as fast as it would be; {plan.surroundings()}",
        f"in {lived_s / 60:.0f} min of such a device's time {use.blocks:.1f} blocks were filled and about "
        f"{seen_early:.0f} written early; a day: {full / 1e6:.2f} MB of full blocks and "
        f"{early / 1e6:.2f} MB of early writes; {use.payload * DAY_S / lived_s / 1e6:.2f} MB a day before compression",
        f"history is ring size by bytes a day; early writes take no slots for long, so that it really is "
        f"{RING / full * 24:.0f} h",
        *filter(None, [warning]),
    )
    return [
        replace(rows[0], ours=Spread.one(full + early), notes=notes, missing=plan.missing.get("atop", "")),
        replace(rows[1], ours=Spread.one(RING / (full + early) * 24)),
    ]
