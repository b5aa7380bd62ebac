"""How often the judge is right about who leaks: precision and recall over the labelled corpus in tests/corpus.

    PYTHONPATH=agent:scripts:tests python3 -m benchmarks.accuracy [--curves N] [--seed FIRST] [--show SEED]

Counted are programs that do not leak, and leaks of at least 1 % of RSS an hour over at least an hour that are not
drowned in what the program does besides (``Curve.drowned``: then nothing can be seen). Everything else is in the table
too, each in a row of its own: riddles (a cache that is not full yet), the drowned, the short. A leak is *claimed* as
the report claims it: ``Verdict.claims``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path += [str(Path(__file__).parents[2] / name) for name in ("agent", "scripts", "tests")]

from benchmarks.table import aligned
from corpus.curves import Curve, make
from lastgasp.analysis.shape.under_load import judge_under_load
from lastgasp.analysis.shape.verdict import Verdict

CURVES, FIRST_SEED = 600, 100_000
REACH_RECALL, REACH_PRECISION = 0.95, 0.98
SHARP = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Case:
    """One curve, or one program of a recording, and what was said of it."""

    name: str  # what to look at: a seed, or a recording and its program
    kind: str  # of program
    leaks: bool | None  # the truth; None: not to be known
    counts: bool  # in precision and recall
    verdict: Verdict
    claimed: bool
    told: str = ""  # rate, length, noise: for the list of what went wrong


@dataclass(slots=True)
class Row:
    """One line of the table: how often it was right about some of the cases."""

    title: str
    leaks: int = 0
    found: int = 0
    sound: int = 0
    accused: int = 0
    wrong: list[Case] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        """Share of the leaks that was found; None: there was none."""
        return self.found / self.leaks if self.leaks else None

    @property
    def precision(self) -> float | None:
        """Share of what was called a leak that is one; None: nothing was called so."""
        called = self.found + self.accused
        return self.found / called if called else None

    def add(self, case: Case) -> None:
        """Count one case in; riddles are counted as sound."""
        if case.leaks:
            self.leaks += 1
            self.found += case.claimed
        else:
            self.sound += 1
            self.accused += case.claimed
        if case.claimed != bool(case.leaks):
            self.wrong.append(case)


def of_curve(curve: Curve) -> Case:
    """The judge's word on a curve."""
    asked = [(curve.load_times, curve.load_total)]
    verdict = judge_under_load(curve.times, curve.values, curve.until_ms, curve.samples, asked)
    rate = f"{curve.percent_per_hour:.1f} %/h, " if curve.leaks else ""
    told = f"{rate}{curve.hours:.1f} h at {curve.step_s:g} s, noise {curve.noise}, load {curve.load}"
    return Case(str(curve.seed), curve.program, curve.leaks, curve.counts, verdict, verdict.claims, told)


def accuracy(curves: int, seed: int, say: Callable[[str], None], more: Iterable[Case] = ()) -> list[Row]:
    """Judge so many curves from that seed on, and ``more`` cases (of recordings). The first row is the overall one."""
    every = Row("all that counts")
    rows: dict[str, Row] = {}

    def count(title: str, case: Case) -> None:
        rows.setdefault(title, Row(title)).add(case)

    for number in range(curves):
        curve = make(seed + number)
        case = of_curve(curve)
        if number % 100 == 99:
            say(f"judged {number + 1} of {curves} curves")
        if not case.counts:
            count("riddles" if curve.leaks is None else "drowned leaks" if curve.drowned else "leaks below 1 %/h", case)
            continue
        every.add(case)
        count(f"length {'1-2' if curve.hours < 3 else '4-8' if curve.hours < 9 else '12-24'} h", case)
        count(f"sampled each {curve.step_s:g} s", case)
        count(f"pages of {curve.page // 1024} KiB", case)
        count(f"noise {curve.noise}", case)
        if curve.leaks:
            rate = curve.percent_per_hour
            count(f"leaks of {'1-3' if rate < 3 else '3-10' if rate < 10 else 'over 10'} %/h", case)
        count(f"{'leak' if curve.leaks else 'sound'}: {curve.program}", case)
    for number in range(curves // 5):
        count("shorter than an hour", of_curve(make(seed + number, short=True)))
    for case in more:
        count("recordings of real programs", case)
    return [every, *(rows[title] for title in sorted(rows))]


def render(rows: Sequence[Row]) -> str:
    """The table, which shape each kind was given for, and what went wrong."""
    lines = [("", "leaks", "found", "recall", "no leak", "accused", "precision")]
    for row in rows:
        lines.append(
            (row.title, str(row.leaks), str(row.found), _share(row.recall), str(row.sound), str(row.accused),
             _share(row.precision))
        )  # fmt: skip
    text = aligned(lines, lambda column: column > 0)
    every = rows[0]
    text += ["", f"{every.title}: {'reached' if reached(every) else 'NOT reached'}"]
    text[-1] += f" (recall >= {REACH_RECALL}, precision >= {REACH_PRECISION})"
    for title, leaks in (("missed", True), ("accused wrongly", False)):
        wrong = [case for row in (every, *rows[1:]) if row is every or row.title.startswith("recordings")
                 for case in row.wrong if bool(case.leaks) is leaks]  # fmt: skip
        if wrong:
            text += ["", f"{title}:"]
            text += [
                f"  {case.name} {case.kind}: {case.told}: {case.verdict.shape}, {case.verdict.confidence}"
                for case in wrong
            ]
    return "\n".join(text) + "\n"


def reached(row: Row) -> bool:
    """Is it as good as it has to be?"""
    return (row.recall or 0) >= REACH_RECALL and (row.precision or 0) >= REACH_PRECISION


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def sparkline(curve: Curve, cells: int = 76) -> str:
    """The curve in one line, from its lowest to its highest."""
    low, high = min(curve.values), max(curve.values)
    line, at = "", 0
    for cell in range(cells):
        while at + 1 < len(curve.times) and curve.times[at + 1] <= (cell + 0.5) / cells * curve.until_ms:
            at += 1
        line += SHARP[1 + (curve.values[at] - low) * 7 // max(high - low, 1)]
    return line


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0: reached, 1: not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=CURVES, help=f"how many (default {CURVES})")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help=f"the first (default {FIRST_SEED})")
    parser.add_argument("--show", type=int, metavar="SEED", help="draw one curve instead, and tell its verdict")
    parser.add_argument("--short", action="store_true", help="with --show: of the short ones")
    options = parser.parse_args(arguments)
    if options.show is not None:
        curve = make(options.show, options.short)
        case = of_curve(curve)
        print(f"{curve.program}: {case.told}, pages of {curve.page // 1024} KiB, RSS {curve.rss / 1e6:.1f} MB")
        print(f"{min(curve.values) / 1024:,.0f} to {max(curve.values) / 1024:,.0f} kB, clearness {curve.clearness:.2f}")
        print(sparkline(curve))
        print(f"leaks: {curve.leaks}; judged: {case.verdict}, claimed: {case.claimed}")
        return 0
    rows = accuracy(options.curves, options.seed, lambda text: print(text, file=sys.stderr))
    print(render(rows), end="")
    return int(not reached(rows[0]))


if __name__ == "__main__":
    sys.exit(main())
