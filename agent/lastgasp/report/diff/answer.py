"""The sentences of ``lastgasp diff``: who needs more than before, who leaks now, how sure that is, and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from lastgasp.analysis.compare.conditions import Doubt, WorkDone
from lastgasp.analysis.compare.diff import Comparison
from lastgasp.analysis.compare.levels import STEADY_LEAST_MS
from lastgasp.analysis.compare.machine import AVAILABLE
from lastgasp.analysis.compare.noise import Change
from lastgasp.analysis.compare.programs import Presence, ProgramDiff
from lastgasp.analysis.compare.slopes import Slope, Turn
from lastgasp.analysis.workload.counters import Work
from lastgasp.report import units

Text = Callable[[bytes], str]
NAMED = 3  # in the answer
PLURAL = {
    Work.PACKETS_IN: "received packets",
    Work.BYTES_IN: "received bytes",
    Work.BYTES_WRITTEN: "bytes written to disk",
    Work.STARTS: "process starts",
    Work.CPU: "seconds of CPU time",
}


def answer(compared: Comparison, text: Text) -> list[str]:
    """The sentences at the head."""
    found = []
    worse, better = compared.worse, compared.better
    if worse:
        kills = f"; {_more_kills(compared)}" if compared.more_kills else ""
        found.append(f"{_phrase(worse[0], compared, text)}{kills}.")
        found += [f"{_phrase(one, compared, text)}." for one in worse[1:NAMED]]
        if worse[NAMED:]:
            found.append(_others(len(worse) - NAMED, "more"))
    elif compared.more_kills:
        found.append(f"{_more_kills(compared)}.")
    found += _machine(compared)
    found += _fewer(compared)
    told = worse[:NAMED]
    added = [one for one in compared.programs if one.presence is Presence.NEW and one.lasting and one not in told]
    if added:
        names = [f"{text(one.name)} ({units.size(one.bytes)})" for one in added[:NAMED]]
        also = "Also new" if any(one.presence is Presence.NEW for one in told) else "New"
        found.append(f"{also}: {units.listed(names, len(added) - NAMED)}.")
    if better:
        found.append(f"{_phrase(better[0], compared, text)}.")
        if better[1:]:
            found.append(_others(len(better) - 1, "less"))
    if not found:
        found.append(_nothing(compared))
    elif not worse and not any(item.worse for item in compared.machine):
        found.insert(1 if compared.more_kills else 0, _none_worse(compared))
    doubt = _doubt(compared)
    return [*found, doubt] if doubt else found


def _others(number: int, way: str) -> str:
    """3 more programs need or leak less."""
    return f"{units.count(number, 'more program')} {'needs or leaks' if number == 1 else 'need or leak'} {way}."


def _nothing(compared: Comparison) -> str:
    """Nothing to tell: as before, or not comparable?"""
    both = [one for one in compared.programs if one.presence is Presence.BOTH]
    alike = sum(not one.too_brief for one in both)
    if not alike:
        return _not_compared(both)
    same = units.count(alike, "program")
    same += (
        " and the machine's memory are as before" if compared.machine else f" {'is' if alike == 1 else 'are'} as before"
    )
    unknown = too_brief(len(both) - alike)
    return f"Nothing changed beyond noise: {same}{f'; {unknown}' if unknown else ''}."


def _not_compared(both: Sequence[ProgramDiff]) -> str:
    if not both:
        return "Nothing can be compared: no program is in both recordings."
    return f"No program can be compared: on one side at least, all ran for less than {units.duration(STEADY_LEAST_MS)}."


def too_brief(number: int) -> str:
    """3 programs ran too briefly to compare; empty: there is none."""
    return f"{units.count(number, 'program')} ran too briefly to compare" if number else ""


def _none_worse(compared: Comparison) -> str:
    both = [one for one in compared.programs if one.presence is Presence.BOTH]
    if not both or all(one.too_brief for one in both):
        return _not_compared(both)
    surely = " beyond doubt" if any(one.suspect for one in compared.programs) else ""
    has = " that both have" if any(one.presence is Presence.NEW and one.lasting for one in compared.programs) else ""
    return f"No program{has} needs or leaks more than before{surely}."


def _phrase(one: ProgramDiff, compared: Comparison, text: Text) -> str:
    """sensord needs 3.1 MB more (8.2 MB → 11.3 MB, high confidence), and now leaks 41 kB/min"""
    if one.presence is Presence.NEW and one.slope is not None:
        return f"{text(one.name)} is new and {leak(one.slope, compared, new=True)}"
    parts = []
    if one.steady is not None and one.steady.sure:
        parts.append(f"needs {_more(one.steady)}")
    elif one.peak is not None and one.peak.sure:
        higher = "higher" if one.peak.by > 0 else "lower"
        parts.append(f"peaks {units.size(abs(one.peak.by))} {higher} ({_sizes(one.peak)})")
    if one.slope is not None and one.slope.sure and one.slope.turn is not Turn.SAME:
        parts.append(leak(one.slope, compared, sure=not parts))
    return f"{text(one.name)} {', and '.join(parts)}"


def _more(change: Change) -> str:
    way = "more" if change.by > 0 else "less"
    return f"{units.size(abs(change.by))} {way} ({_sizes(change)})"


def _sizes(change: Change) -> str:
    return f"{units.size(change.old)} → {units.size(change.new)}, {change.confidence} confidence"


def leak(slope: Slope, compared: Comparison, sure: bool = True, new: bool = False) -> str:
    """now leaks 41 kB/min (high confidence); ``new``: OLD did not have it"""
    recorded_ms = compared.new.longest_ms
    rates = [None if per_s is None else units.rate(per_s, recorded_ms) for per_s in (slope.old_per_s, slope.new_per_s)]
    how = f", {slope.confidence} confidence" if sure else ""
    confidence = f" ({how[2:]})" if sure else ""
    if slope.turn is Turn.BEGAN:
        return f"{'leaks' if slope.unseen or new else slope.turn} {rates[1]}{confidence}"
    if slope.turn is Turn.ENDED:
        return f"{'does not seem to leak' if slope.unseen else slope.turn} ({rates[0]} before{how})"
    return f"{slope.turn}: {rates[0]} → {rates[1]}{confidence}"


def _machine(compared: Comparison) -> list[str]:
    """What the machine lost; that processes which are named already took it goes without saying."""
    found = []
    for item in compared.machine:
        leaks = item.slope is not None and item.slope.sure and item.slope.turn in (Turn.BEGAN, Turn.FASTER)
        if leaks and item.slope is not None:
            found.append(f"The machine: {item.name} {leak(item.slope, compared)}.")
        elif item.worse and item.level is not None and (item.name == AVAILABLE or not compared.worse):
            way = "less" if item.level.by < 0 else "more"
            found.append(f"{item.name.capitalize()}: {units.size(abs(item.level.by))} {way} ({_sizes(item.level)}).")
    return found[:NAMED]


def _more_kills(compared: Comparison) -> str:
    return _times("OOM kill", compared.old.kills, compared.new.kills, compared)


def _fewer(compared: Comparison) -> list[str]:
    """OOM kills that are less, and reboots; OOM kills that are more stand in the first sentence."""
    found = []
    if compared.new.kills < compared.old.kills:
        found.append(f"{_times('OOM kill', compared.old.kills, compared.new.kills, compared)}.")
    if compared.new.reboots != compared.old.reboots:
        found.append(f"{_times('reboot', compared.old.reboots, compared.new.reboots, compared)}.")
    return found


def _times(name: str, before: int, after: int, compared: Comparison) -> str:
    """2 OOM kills in 28 s of NEW, 1 in 14 s of OLD"""
    in_old, in_new = (units.duration(side.recorded_ms) for side in (compared.old, compared.new))
    return f"{units.count(after, name)} in {in_new} of NEW, {f'{before:,}' if before else 'none'} in {in_old} of OLD"


def _doubt(compared: Comparison) -> str | None:
    """Why all this may not be the firmware's doing."""
    said = []
    for doubt in compared.conditions.doubts:
        if doubt is Doubt.WORK:
            most = max(compared.conditions.work, key=lambda work: abs((work.times or 1e9) - 1))
            said.append(f"they did not do the same work ({_work(most)})")
        elif doubt is Doubt.LENGTH:
            times = [units.duration(side.longest_ms) for side in (compared.old, compared.new)]
            said.append(f"OLD was recorded for {times[0]} and NEW for {times[1]}")
        elif doubt is Doubt.MIXED:
            sides = [label for label, mixed in zip(("OLD", "NEW"), compared.conditions.mixed, strict=True) if mixed]
            said.append(f"the runs of {units.listed(sides)} are not of one machine and firmware")
        else:
            said.append("they are different machines")
    if not said:
        return None
    return f"Less sure than it could be: {units.listed(said)}."


def _work(work: WorkDone) -> str:
    what = PLURAL.get(work.work, str(work.work))
    if work.times is None:
        return f"{what}: only NEW"
    if work.times >= 1:
        return f"{work.times:.{1 if work.times < 9.95 else 0}f} times as many {what}"
    return f"{what}: {units.percent(work.times)} of OLD's" if work.new_per_h else f"{what}: only OLD"


def next_steps(compared: Comparison, text: Text, new: str) -> list[str]:
    """What to do."""
    found = []
    leaking = [one for one in compared.worse if one.slope is not None and one.slope.new_per_s is not None]
    path = shlex.quote(text(new.encode(errors="surrogateescape")))
    if leaking:
        found.append(f"lastgasp leaks {path} --process {shlex.quote(text(leaking[0].name))}")
    elif compared.worse or any(item.worse for item in compared.machine):
        found.append(f"lastgasp report {path}")
    if compared.new.kills > compared.old.kills and any(facts.ooms for facts in compared.new.facts):
        found.append(f"lastgasp oom {path}")
    if compared.conditions.doubts:
        found.append("Record both while they do the same work, for as long, on the same machine.")
    if len(compared.old.recordings) == 1 or len(compared.new.recordings) == 1:
        found.append(
            "With several recordings of each firmware (two folders) noise is measured instead of assumed, and smaller"
            " changes show."
        )
    elif not found:
        found.append("Nothing needs to be done.")
    return found
