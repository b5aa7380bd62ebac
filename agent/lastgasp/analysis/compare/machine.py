"""What became of the machine's memory: what is available, and each kind that nobody can free but its owner."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.compare.levels import Level, Points, cut, levels
from lastgasp.analysis.compare.noise import Change, Prior, compare
from lastgasp.analysis.compare.sides import LONG, Side
from lastgasp.analysis.compare.slopes import Evidence, Slope, Turn, slope
from lastgasp.analysis.memory import ANONYMOUS, CALM, CALM_SHARE, KB, QUIET_LEAST, QUIET_SHARE, owned
from lastgasp.timeline.model import Boot

AVAILABLE = "available memory"
QUIET_SIGMAS = 4  # what the machine never is quieter than is so many sigmas of it


@dataclass(frozen=True, slots=True)
class ItemDiff:
    """One kind of memory of the machine. ``lowest``: of what is available, the worst moment of each side."""

    name: str
    level: Change | None
    slope: Slope | None
    lowest: tuple[float, float] | None = None

    @property
    def changed(self) -> bool:
        """Is there anything to tell, be it a suspicion?"""
        turned = self.slope is not None and self.slope.turn is not Turn.SAME
        return turned or (self.level is not None and self.level.confidence is not None)

    @property
    def worse(self) -> bool:
        """Is less available, or more taken or leaked, beyond suspicion?"""
        leaks = self.slope is not None and self.slope.sure and self.slope.turn in (Turn.BEGAN, Turn.FASTER)
        more = self.level is not None and self.level.sure and (self.level.by < 0) == (self.name == AVAILABLE)
        return leaks or more


def item_diffs(old: Side, new: Side, doubts: int) -> list[ItemDiff]:
    """Every kind of memory that both sides know."""
    curves = [_levels(side) for side in (old, new)]
    totals = [facts.machine.total_bytes or 0 for side in (old, new) for facts in side.facts]
    found = []
    for name in curves[0]:
        if name not in curves[1]:
            continue
        share = CALM_SHARE if name in CALM else QUIET_SHARE
        least = QUIET_LEAST / 4 if name in CALM else QUIET_LEAST
        quiet = max(least, max(totals) / share)
        prior = Prior(quiet / QUIET_SIGMAS, 0.0, quiet)
        before, after = curves[0][name], curves[1][name]
        leak = slope(_evidence(old, name, before), _evidence(new, name, after), quiet, doubts)
        level = compare([one.level for one in before], [one.level for one in after], prior, doubts)
        lowest = None
        if name == AVAILABLE:
            lowest = float(min(one.low for one in before)), float(min(one.low for one in after))
        found.append(ItemDiff(name, level, leak, lowest))
    return found


@dataclass(frozen=True, slots=True)
class _Item:
    """One kind of memory in one boot."""

    level: Level
    low: int
    unrest: float
    seen_ms: int


def _levels(side: Side) -> dict[str, list[_Item]]:
    """By name, each boot that is long enough."""
    found: dict[str, list[_Item]] = {}
    for recording, facts in zip(side.recordings, side.facts, strict=True):
        leaking = {growth.name for growth in facts.kernel_growth} | ({ANONYMOUS} if facts.leaks else set())
        for boot in recording.boots:
            for name, points in _curves(boot).items():
                holes = ((gap.from_ms, gap.to_ms) for gap in boot.gaps)
                measured = levels(cut(points, holes), boot.sample_at[-1]) if points else None
                if measured is None or measured.steady is None or measured.first is None:
                    continue
                level = measured.first if name in leaking else measured.steady
                item = _Item(
                    level, measured.low, max(measured.floor_scatter or 0.0, measured.walk or 0.0), measured.seen_ms
                )
                found.setdefault(name, []).append(item)
    kept = {}
    for name, items in found.items():
        longest = max(item.seen_ms for item in items)
        kept[name] = [item for item in items if item.seen_ms >= LONG * longest]
    return kept


def _curves(boot: Boot) -> dict[str, Points]:
    times, values = boot.points("meminfo", b"", "MemAvailable")
    found: dict[str, Points] = {AVAILABLE: [(at, value * KB) for at, value in zip(times, values, strict=True)]}
    for name, (moments, sizes) in owned(boot).items():
        found[name] = list(zip(moments, sizes, strict=True))
    return found


def _evidence(side: Side, name: str, items: list[_Item]) -> Evidence:
    found = []
    for facts in side.facts:
        # Memory that leaking processes explain is told of them.
        growths = facts.kernel_growth if name != ANONYMOUS else facts.machine_leaks
        found += [growth.verdict for growth in growths if growth.name == name and growth.leaks]
    return Evidence(found, len(side.facts), False, side.longest_ms, max(item.unrest for item in items))
