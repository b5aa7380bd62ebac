"""What several OOM reports show together, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from lastgasp.analysis.oom.series import KillLoop, Refusals, Series, Shielded, TableGrowth
from lastgasp.analysis.shape.trend import Confidence
from lastgasp.report import units
from lastgasp.report.oom.words import Text, kb, who

NAMES_SHOWN = 4
MINUTE_US = 60_000_000


def sentences(found: Series, text: Text, leakers: Collection[bytes] = ()) -> list[str]:
    """Those that matter most first; empty where the reports have nothing to do with one another.

    ``leakers``: names of those that leak beyond doubt, by a recording.
    """
    said = [_shielded(one, found, text, one.name in leakers) for one in found.shielded]
    said += [_loop(one, text, one.name in leakers) for one in found.loops]
    shielded = {pid for one in found.shielded for pid in one.pids}
    for growth in found.growth[:2]:
        if growth.pid not in shielded:
            said.append(f"{who(growth.name, growth.pid, text)}: {between_reports(growth)}")
    if len(found.refusals) > 1 or any(len(one.events) > 1 for one in found.refusals):
        said.append(refusals(found.refusals, text))
    if found.boots > 1 and not any("boot" in sentence for sentence in said):
        said.append(f"These are of {found.boots} boots at least: the kernel's clock goes back between them.")
    return said


def between_reports(growth: TableGrowth) -> str:
    """How it grew from one task table to another, and what to make of it."""
    first, last = growth.points[0], growth.points[-1]
    over = ""
    if growth.over_us is not None and growth.per_s is not None:
        rate = units.rate(growth.per_s, growth.over_us // 1000)
        if growth.over_us < MINUTE_US:
            rate = f"{units.size(growth.per_s)}/s"
        over = f" in {units.duration(growth.over_us / 1000)} ({rate})"
    words = f"from event {first.event} to event {last.event} it grew by {kb(growth.grown_kb)}{over},"
    words += f" {kb(first.kb)} → {kb(last.kb)}:"
    if growth.confidence is Confidence.LOW:
        return f"{words} it took what the kills freed, so it may leak, or simply want more than there is."
    return f"{words} it grows on in every report, so it probably leaks."


def _shielded(one: Shielded, found: Series, text: Text, leaks: bool) -> str:
    name = text(one.name)
    words = (
        f"{len(one.events)} of these kills were in place of {name}, which is shielded by its oom_score_adj: they freed"
        f" {kb(one.freed_kb)}"
    )
    growth = found.grown(one.events[-1], one.pids)
    if growth is not None:
        rate = ""
        if growth.over_us is not None and growth.per_s is not None:
            rate = f" in {units.duration(growth.over_us / 1000)}"
        words += f", and {name} grew by {kb(growth.grown_kb)}{rate} ({kb(growth.points[0].kb)} →"
        words += f" {kb(growth.points[-1].kb)}). It "
        words += "leaks." if leaks else "may leak." if growth.confidence is Confidence.LOW else "probably leaks."
    else:
        words += f". {name} did not grow meanwhile ({kb(one.first_kb)} → {kb(one.last_kb)})."
    if one.left:
        left = [text(each) for each in one.left]
        return f"{words} Left to be killed after these: {_list(left)}."
    return f"{words} Nobody else was left to be killed."


def _loop(one: KillLoop, text: Text, leaks: bool) -> str:
    name = text(one.name)
    words = f"{name} was killed {len(one.events)} times"
    if one.between_us:
        low, high = min(one.between_us), max(one.between_us)
        apart = [units.duration(us / 1000) for us in (low, high)]
        words += f", every {apart[0]}" if apart[0] == apart[1] else f", {apart[0]} to {apart[1]} apart"
    if one.sizes_kb:
        sizes = [kb(size) for size in (min(one.sizes_kb), max(one.sizes_kb))]
        words += f", each time at {sizes[0]}" if sizes[0] == sizes[1] else f", at {sizes[0]} to {sizes[1]}"
    words += ": it is started again, and fills memory again"
    if one.least_per_s is not None and one.between_us:
        rate = units.rate(one.least_per_s, max(one.between_us) // 1000)
        words += f", at {rate} or faster"
    if leaks:
        return f"{words}. Most likely it leaks, and no kill mends that."
    return f"{words}. It leaks, or needs more than there is: no kill mends either."


def refusals(found: Iterable[Refusals], text: Text) -> str:
    """Whom overcommit refused how often, and how much."""
    parts = []
    for one in found:
        words = f"{who(one.name, one.pid, text)} {_times(len(one.events))}"
        if one.wanted_bytes:
            sizes = [units.size(size) for size in (min(one.wanted_bytes), max(one.wanted_bytes))]
            words += f" ({sizes[0]})" if sizes[0] == sizes[1] else f" ({sizes[0]} to {sizes[1]})"
        parts.append(words)
    return f"Overcommit refused {_list(parts)}."


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number:,} times"


def _list(words: list[str]) -> str:
    """a, b and c; of many the first few. Equal names once, with how many."""
    counted = [f"{name} (×{number})" if number > 1 else name for name, number in Counter(words).items()]
    return units.listed(counted[:NAMES_SHOWN], len(counted) - NAMES_SHOWN)
