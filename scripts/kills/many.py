"""Kills by the hundred among random processes: each victim predicted, and each miss explained.

A guest plays round after round until BOOT_ROUNDS are over or it is lost (a kill may take what it stands on); then the
next one boots. Every other guest has swap in compressed RAM. Everything random comes from the seed, the target and the
number of the round; when exactly a leak runs into the kill does not.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bed.bench import Setup, booted
from bed.errors import BedError
from bed.guest import Guest
from bed.targets import BOARDS, DEFAULT_KERNEL, KERNELS, Board, Kernel
from kills import judge, stage
from kills.casts import Cast, outcome
from kills.judge import Kill
from kills.population import population
from kills.scenarios import ZRAM
from lastgasp.oom.choice import Cause

MEM = "128M"
ZRAM_MODULES = ("zram", "lzo", "lzo_rle")
BOOT_ROUNDS = 25
RIGHT = 0.99  # of all kills with a table
FAULTS = (Cause.UNEXPLAINED, Cause.NON_NEGATIVE, Cause.ERA)  # the last two are not for kernels that are known
LOST_LIMIT = 10  # guests of one target in which not one kill was seen: then it is not the kernel's doing
AVAILABLE = "sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"


@dataclass(frozen=True, slots=True)
class Target:
    """A kernel on a board."""

    board: Board
    kernel: Kernel

    @property
    def name(self) -> str:
        """As it is printed."""
        return f"{self.board.arch.name} {self.kernel.name}"


@dataclass(slots=True)
class Tally:
    """What came of one target. A kill without a table cannot be predicted and does not count."""

    kills: int = 0
    right: int = 0
    foreseen: int = 0
    sampled: int = 0  # kills before which /proc was read
    rounds: int = 0
    guests: int = 0
    lost: int = 0  # guests that ended or did not answer
    bare: int = 0  # kill lines without a table
    quiet: int = 0  # rounds without any kill
    unknown: int = 0  # lines of reports that the parser did not understand
    stopped: bool = False  # the user wants no more; a round goes on to its end
    causes: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)


def targets(arch: str | None, kernel: str | None) -> list[Target]:
    """All kernels of armhf, and arm64's usual one; or those asked for."""
    every = [Target(BOARDS["armhf"], one) for one in KERNELS.values()]
    every.append(Target(BOARDS["arm64"], KERNELS[DEFAULT_KERNEL]))
    if arch and kernel:
        return [Target(BOARDS[arch], KERNELS[kernel])]
    return [one for one in every if arch in (None, one.board.arch.name) and kernel in (None, one.kernel.name)]


def kills(number: int, seed: int, wanted: list[Target], folder: Path, jobs: int) -> int:
    """So many kills over these targets. Returns 0, or 1: too few were right, a miss is a fault, or a target gave up."""
    print(f"seed {seed}: {number} kills over {', '.join(target.name for target in wanted)}", flush=True)
    shares = [number // len(wanted) + (n < number % len(wanted)) for n in range(len(wanted))]
    started = time.monotonic()
    tallies = [Tally() for _ in wanted]
    with ThreadPoolExecutor(jobs) as pool:
        try:
            running = [
                pool.submit(_target, target, share, tally, seed, folder)
                for target, share, tally in zip(wanted, shares, tallies, strict=True)
            ]
            for one in running:
                one.result()
        except BaseException:
            for tally in tallies:
                tally.stopped = True
            raise
    print(table(wanted, tallies))
    print(f"{sum(tally.kills for tally in tallies)} kills in {time.monotonic() - started:.0f} s")
    right, seen = sum(tally.right for tally in tallies), sum(tally.kills for tally in tallies)
    enough = right >= RIGHT * seen
    if not enough:
        print(f"only {right} of {seen} right, and {RIGHT:.0%} are wanted")
    faults = sum(tally.causes[cause.value] for tally in tallies for cause in FAULTS)
    if faults:
        print(f"{faults} misses that Debian's kernels have no reason for")
    short = [target.name for target, tally, share in zip(wanted, tallies, shares, strict=True) if tally.kills < share]
    if short:
        print(f"fewer kills than asked for on {', '.join(short)}")
    return int(bool(faults or short or not enough))


def _target(target: Target, share: int, tally: Tally, seed: int, folder: Path) -> None:
    """All of one target's kills, guest after guest."""
    fruitless = 0
    while tally.kills < share and fruitless < LOST_LIMIT and not tally.stopped:
        before = tally.kills
        try:
            _guest(target, tally, share, seed, folder)
        except BedError as error:
            tally.lost += 1
            print(f"{target.name}: guest {tally.guests} was lost: {error}", file=sys.stderr, flush=True)
        fruitless = fruitless + 1 if tally.kills == before else 0
        print(f"{target.name}: {tally.right} of {tally.kills} right", file=sys.stderr, flush=True)


def _guest(target: Target, tally: Tally, share: int, seed: int, folder: Path) -> None:
    swaps = tally.guests % 2 == 1
    tally.guests += 1
    files = stage.programs(folder, target.board.arch)
    setup = Setup(target.board, target.kernel, MEM, files=files, modules=[*ZRAM_MODULES] if swaps else [])
    with open(folder / f"{target.name.replace(' ', '-')}.console", "ab") as console, booted(setup, console) as guest:
        if swaps:
            guest.check(ZRAM.format(bytes=24 << 20))
        room_kb = int(guest.check(AVAILABLE))
        for _ in range(BOOT_ROUNDS):
            if tally.kills >= share or tally.stopped:
                return
            tally.rounds += 1
            dice = random.Random(f"{seed} {target.name} {tally.rounds}")
            cast = population(dice, room_kb)
            for kill in _round(guest, cast, folder / f"{target.name.replace(' ', '-')}-{tally.rounds}", tally):
                count(kill, target, tally)


def _round(guest: Guest, cast: Cast, path: Path, tally: Tally) -> Iterator[Kill]:
    """Play one; the cast and what came of it are left beside each other."""
    path.with_name(f"{path.name}.in").write_text(cast.text())
    stage.play(guest, cast)
    data = guest.pull(stage.RESULT)
    path.with_name(f"{path.name}.cast").write_bytes(data)
    judged = judge.kills(cast, outcome(data))
    tally.quiet += all(kill.victim is None for kill in judged)
    # Where nobody could be killed, it is the model that has to name nobody.
    yield from (kill for kill in judged if kill.victim is not None or kill.predicted is not None)


def count(kill: Kill, target: Target, tally: Tally) -> None:
    """Add it up, and print it where it was not as predicted."""
    tally.unknown += len(kill.report.unknown)
    if kill.report.unknown:
        print(f"lines {target.name} round {tally.rounds}: not understood: {kill.report.unknown!r}", flush=True)
    if not kill.has_table:
        tally.bare += 1
        return
    tally.kills += 1
    tally.right += kill.right
    name = f"{target.name} round {tally.rounds}"
    if not kill.right:
        tally.causes[kill.why()] += 1
        print(f"MISS  {name}: the report names {kill.predicted}, killed was {kill.victim}: {kill.why()}", flush=True)
    if kill.expected is not None:
        tally.sampled += 1
        tally.foreseen += kill.foreseen
        if not kill.foreseen:
            tally.unseen[kill.unforeseen()] += 1
            print(
                f"other {name}: /proc named {kill.expected}, killed was {kill.victim}: {kill.unforeseen()}", flush=True
            )


def table(wanted: list[Target], tallies: list[Tally]) -> str:
    """The result, as Markdown."""
    lines = [
        "| kernel | kills | right, from the report | why not | right, from /proc before | why not |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for target, tally in zip(wanted, tallies, strict=True):
        lines.append(_row(target.name, tally))
    total = Tally()
    for tally in tallies:
        for name in ("kills", "right", "foreseen", "sampled", "rounds", "guests", "lost", "bare", "quiet", "unknown"):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.causes += tally.causes
        total.unseen += tally.unseen
    lines.append(_row("all", total))
    lines.append(
        f"\n{total.rounds} rounds in {total.guests} guests, {total.lost} of them lost; {total.quiet} rounds without a"
        f" kill; {total.bare} kill lines without a table; {total.unknown} lines of reports not understood"
    )
    return "\n".join(lines)


def _row(name: str, tally: Tally) -> str:
    causes, unseen = (
        "; ".join(f"{number}: {why}" for why, number in counter.most_common()).replace("|", "\\|") or "–"
        for counter in (tally.causes, tally.unseen)
    )
    share = f"{tally.right} ({100 * tally.right / max(tally.kills, 1):.1f} %)"
    foreseen = f"{tally.foreseen} of {tally.sampled} ({100 * tally.foreseen / max(tally.sampled, 1):.1f} %)"
    return f"| {name} | {tally.kills} | {share} | {causes} | {foreseen} | {unseen} |"
