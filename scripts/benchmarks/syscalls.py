"""How many system calls a sample takes: the real agent under strace."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from benchmarks import device, workload
from benchmarks.children import Children
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, Tree, say
from benchmarks.strace import Turn, turns

SECONDS, QUICK_SECONDS = 75, 6
MOST = 3.0
SKIPPED = 3  # the first samples identify everybody
COMMON = 9  # calls named in the note
# -D: strace is the child and the agent the parent, so that the agent is ended as always, by its pid.
COMMAND = ("-D", "-f", "-qq", "-y", "-s", "0")


def run(plan: Plan) -> list[Row]:
    """Rows "syscalls": per file read, and per sample; of the first interpreter, they do not differ."""
    tree = plan.trees[0]
    per_file = Row("syscalls", "open, read, close per file read", "calls", interpreter=tree.label, reach=Reach(MOST))
    per_sample = Row("syscalls", "all system calls per sample", "count", interpreter=tree.label)
    if "strace" not in plan.peers:
        return [_missing(per_file, plan), _missing(per_sample, plan)]
    found = trace(plan, tree)[SKIPPED:]
    if not found:
        return [_missing(per_file, plan, "no complete sample was seen")]
    files, calls = sum(turn.files for turn in found), sum(turn.calls.total() for turn in found)
    processes = sum(len(turn.processes) for turn in found)
    common = sum((turn.calls for turn in found), Counter[str]()).most_common(COMMON)
    note = (
        f"{len(found)} samples at 1 s; per sample {files / len(found):.0f} files read and "
        f"{processes / len(found):.0f} processes looked at: {calls / processes:.2f} calls per process, "
        f"{calls / files:.2f} of all calls per file read; "
        + ", ".join(f"{name} {count / len(found):.1f}" for name, count in common)
    )
    return [
        Row(
            per_file.name,
            per_file.figure,
            per_file.unit,
            Spread.of([turn.file_calls / turn.files for turn in found if turn.files]),
            tree.label,
            reach=per_file.reach,
            notes=(f"{workload.describe(workload.MAIN)}; {plan.surroundings()}", note),
        ),
        Row(
            per_sample.name,
            per_sample.figure,
            per_sample.unit,
            Spread.of([turn.calls.total() for turn in found]),
            tree.label,
        ),
    ]


def _missing(row: Row, plan: Plan, why: str = "") -> Row:
    return Row(
        row.name,
        row.figure,
        row.unit,
        interpreter=row.interpreter,
        reach=row.reach,
        missing=why or plan.missing["strace"],
    )


def trace(plan: Plan, tree: Tree) -> list[Turn]:
    """The samples that an agent takes in a while."""
    log = Path(plan.folder, "strace.log")
    seconds = QUICK_SECONDS if plan.quick else SECONDS
    say(f"tracing {seconds} samples")
    with Children(plan.folder) as children:
        workload.start(children, plan.folder, workload.MAIN)
        before = (plan.peers["strace"], *COMMAND, "-o", str(log))
        device.start(children, plan, tree, {"interval": "1s", "pressure_interval": "1s"}, before=before)
        time.sleep(seconds)
        children.check()
    with log.open(errors="replace") as lines:
        return list(turns(lines))
