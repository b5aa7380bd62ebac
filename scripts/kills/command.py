"""`qemu-bed oom`: scenarios, or kills by the hundred."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from bed.errors import BedError
from bed.targets import BOARDS, DEFAULT_KERNEL, KERNELS
from kills import many, play
from kills.scenarios import SCENARIOS, Scenario
from rehearsals import parts
from rehearsals.device import Bench

DESCRIPTION = """\
Provoke real OOM kills on real kernels, and hold what the kernel did against what lastgasp says.

With --scenario (or none: all of them): boots a guest with 128 MB for each, has the agent record, lets memory run out,
cuts the guest off 5 s after the kill, and checks the model's victim and what the ring holds.
With --kills: many kills among random processes on all kernels; each victim is predicted from the kernel's report and
from /proc a moment before.
"""
EXAMPLES = """\
examples:
  qemu-bed oom --list
  qemu-bed oom --arch armhf --kernel 6.1 --scenario leak
  qemu-bed oom --arch arm64 --keep /tmp/kept
  qemu-bed oom --kills 500 --seed 7 --keep /tmp/kept

exit status: 0 all is well (of --kills: no miss that none of the known causes explains); 1 something is not;
2 wrong use; 125 the bed itself failed
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    sub = commands.add_parser(
        "oom",
        help="provoke OOM kills and judge them",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.add_argument("--list", action="store_true", help="tell the scenarios and end")
    sub.add_argument("--scenario", action="append", choices=SCENARIOS, metavar="NAME", help="default: all of them")
    sub.add_argument("--arch", choices=BOARDS, help="default: armhf; of --kills: both")
    sub.add_argument("--kernel", choices=KERNELS, help=f"default: {DEFAULT_KERNEL}; of --kills: all")
    sub.add_argument(
        "--without-agent", action="store_true", help="record nothing: the kernel and the model alone, sooner"
    )
    sub.add_argument("--kills", type=int, metavar="N", help="so many kills among random processes, over all kernels")
    sub.add_argument("--seed", type=int, metavar="N", help="of the random processes (default: by the clock; printed)")
    sub.add_argument("--jobs", type=int, default=2, metavar="N", help="of --kills: guests at a time (default: 2)")
    sub.add_argument("--keep", type=Path, metavar="DIR", help="keep logs, rings, disks and consoles in DIR")


def run(options: argparse.Namespace) -> int:
    """Do it; return the exit status. Raises BedError."""
    if options.list:
        for one in SCENARIOS.values():
            print(f"{one.name:18} {one.about}" + ("" if len(one.archs) > 1 else f" ({one.archs[0]})"))
        return 0
    with parts.folder_of(options.keep) as folder:
        if options.kills:
            seed = options.seed if options.seed is not None else int(time.time())
            targets = many.targets(options.arch, options.kernel)
            return many.kills(options.kills, seed, targets, folder, options.jobs)
        board = BOARDS[options.arch or "armhf"]
        wanted = _wanted(options, board.arch.name)
        agent = parts.build_agent(folder) if any(one.agent for one in wanted) else folder
        bench = Bench(board, KERNELS[options.kernel or DEFAULT_KERNEL], folder, agent)
        return int(sum(_timed(bench, one) for one in wanted) > 0)


def _wanted(options: argparse.Namespace, arch: str) -> list[Scenario]:
    """Those asked for; of all of them, those that this architecture has. Raises BedError for one that it has not."""
    wanted = [SCENARIOS[name] for name in options.scenario or SCENARIOS]
    for one in wanted:
        if options.scenario and arch not in one.archs:
            raise BedError(f"{one.name} is for {', '.join(one.archs)} only")
        if options.scenario and options.without_agent and one.needs_agent:
            raise BedError(f"{one.name} is about the agent")
    if options.without_agent:
        wanted = [replace(one, agent=False, cast=one.cast.hurried()) for one in wanted if not one.needs_agent]
    return [one for one in wanted if arch in one.archs]


def _timed(bench: Bench, one: Scenario) -> int:
    started = time.monotonic()
    failed = play.scenario(bench, one)
    print(f"qemu-bed: {one.name} took {time.monotonic() - started:.0f} s", file=sys.stderr)
    return failed
