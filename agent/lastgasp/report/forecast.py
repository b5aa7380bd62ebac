"""When memory runs out, in words."""

from __future__ import annotations

from collections import Counter

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.forecast import Forecast
from lastgasp.analysis.pace import Reason
from lastgasp.analysis.times import Moment
from lastgasp.report import units
from lastgasp.report.follows import Text
from lastgasp.report.screen import Screen

GROUPS = 5
FAR_MS = 366 * 86_400_000
FASTER = 3  # times the leaks that are told: they are not what fills the machine
SOON_MS = 90 * 86_400_000  # later than this is nothing for the answer
WHY = {
    Reason.TOO_SHORT: "recorded too briefly to tell",
    Reason.NO_TREND: "no trend, so no forecast",
    Reason.SAWTOOTH: "it takes memory and gives it back: no trend, so no forecast",
    Reason.GIVEN_BACK: "what it grew by is free again: no forecast",
    Reason.SETTLING: "the growth is slowing down: no forecast",
    Reason.SHRINKING: "it becomes less: no forecast",
    Reason.UNKNOWN: "unknown: not recorded",
    Reason.REFUSED: "vm.overcommit_memory=2 has programs refused memory before it runs out",
    Reason.RECLAIMS: "at its limit, and the kernel still finds file cache to drop; how much is left is not recorded",
}


def sentence(facts: Facts, text: Text) -> str | None:
    """One for the answer: what runs out first; None where nothing does, or not in months."""
    known = [one for one in facts.forecasts if one.in_ms is not None and one.in_ms < SOON_MS]
    if not known:
        return None
    first = min(known, key=lambda one: one.in_ms or 0)
    who = "the machine" if first.group is None else f"memory group {text(first.group)}"
    last = "after the end of the recording"
    return f"Left as it is, {who} runs out of memory {within(first)} {last}{_at(first, facts)}{_pace(first, facts)}."


def _pace(one: Forecast, facts: Facts) -> str:
    """How fast the machine fills, and with what, where the leaks that are told do not explain it."""
    told = sum(growth.worst.verdict.per_s for growth in facts.leaks)
    told += sum(growth.verdict.per_s for growth in facts.machine_leaks)
    if one.group is not None or one.per_s is None or one.since is None or one.per_s <= FASTER * told:
        return ""
    mostly = f", mostly with {one.mostly}" if one.mostly is not None else ""
    pace = units.rate(one.per_s, facts.span.recorded_ms)
    return f": it has filled at {pace} since {units.near(one.since, facts.span)}{mostly}"


def within(one: Forecast) -> str:
    """in 3 h 5 min (2 h 40 min to 3 h 50 min)."""
    if one.in_ms is None:
        return WHY[one.reason or Reason.UNKNOWN]
    if one.in_ms > FAR_MS:
        return "not within a year"
    low, high = units.duration(one.low_ms or 0), "no end to be told"
    if one.high_ms is not None:
        high = units.duration(one.high_ms) if one.high_ms < FAR_MS else "over a year"
    return f"in about {units.duration(one.in_ms)} ({low} to {high})"


def _at(one: Forecast, facts: Facts) -> str:
    if one.at.wall_ns is None or one.in_ms is None:
        return ""
    then = Moment(one.at.boot, one.at.uptime_ms + one.in_ms, one.at.wall_ns + one.in_ms * 1_000_000)
    return f", at {units.near(then, facts.span)}"


def section(screen: Screen, facts: Facts) -> None:
    """The machine, and each group with a limit."""
    if not facts.forecasts:
        return
    screen.heading("WHEN MEMORY RUNS OUT (from the end of the recording, if all goes on)")
    for one in facts.forecasts[:1] + [one for one in facts.forecasts[1:] if one.in_ms is not None][:GROUPS]:
        name = "the machine" if one.group is None else screen.text(one.group)
        said = within(one)
        if one.in_ms is not None and one.per_s is not None and one.since is not None:
            said += f": {units.rate(one.per_s, facts.span.recorded_ms)} since {units.near(one.since, facts.span)}"
            said += f", {units.size(one.room_bytes)} left"
        elif one.room_bytes is not None:
            said += f"; {units.size(one.room_bytes)} left"
        screen.wrap(f"{name}: {said}", "  ", "    ")
    calm = Counter(one.reason for one in facts.forecasts[1:] if one.reason is not None)
    for reason, number in calm.most_common():
        screen.wrap(f"{units.count(number, 'group')} with a limit: {WHY[reason]}", "  ", "    ", "dim")
