"""What ``lastgasp diff`` says: who needs more than before, what else differs, and how sure that is."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from lastgasp.analysis.compare.conditions import Doubt, WorkDone
from lastgasp.analysis.compare.diff import Comparison
from lastgasp.analysis.compare.machine import AVAILABLE, ItemDiff
from lastgasp.analysis.compare.noise import Change
from lastgasp.analysis.compare.programs import Presence, ProgramDiff
from lastgasp.analysis.compare.sides import Side
from lastgasp.analysis.compare.slopes import Slope, Turn
from lastgasp.analysis.workload.counters import Work
from lastgasp.report import units
from lastgasp.report.answer import mapping_name
from lastgasp.report.screen import Screen
from lastgasp.report.visible import fit

Text = Callable[[bytes], str]
NAMED = 3  # in the answer
ROWS = 12
LISTED = 6  # new or gone programs
NAMES = 20
VALUES = 60
BYTES = (Work.BYTES_IN, Work.BYTES_WRITTEN)
PLURAL = {
    Work.PACKETS_IN: "received packets",
    Work.BYTES_IN: "received bytes",
    Work.BYTES_WRITTEN: "bytes written to disk",
    Work.STARTS: "process starts",
    Work.CPU: "seconds of CPU time",
}
KNOWN = {"total_kb": "RAM", "os.pretty_name": "firmware", "agent": "lastgasp"}


# -- the answer --------------------------------------------------------------------------------------------


def answer(compared: Comparison, text: Text) -> list[str]:
    """The sentences at the head."""
    found = []
    worse, better = compared.worse, compared.better
    if worse:
        found.append(f"{_phrase(worse[0], compared, text)}.")
        found += [f"{_phrase(one, compared, text)}." for one in worse[1:NAMED]]
        if worse[NAMED:]:
            found.append(f"{units.count(len(worse) - NAMED, 'more program')} need or leak more.")
    found += _machine(compared)
    found += _kills(compared)
    added = [one for one in compared.programs if one.presence is Presence.NEW and one.lasting]
    if added:
        names = [f"{text(one.name)} ({units.size(one.bytes)})" for one in added[:NAMED]]
        found.append(f"New: {_list(names, len(added) - NAMED)}.")
    if better:
        found.append(f"{_phrase(better[0], compared, text)}.")
        if better[1:]:
            found.append(f"{units.count(len(better) - 1, 'more program')} need or leak less.")
    if not found:
        both = sum(one.presence is Presence.BOTH for one in compared.programs)
        same = units.count(both, "program")
        found.append(
            f"Nothing changed beyond noise: {same} and the machine's memory are as before." if both else _none()
        )
    elif not worse and not any(item.worse for item in compared.machine):
        found.insert(0, "No program needs or leaks more than before.")
    doubt = _doubt(compared)
    return [*found, doubt] if doubt else found


def _none() -> str:
    return "Nothing can be compared: no program is in both recordings."


def _phrase(one: ProgramDiff, compared: Comparison, text: Text) -> str:
    """sensord needs 3.1 MB more (8.2 MB → 11.3 MB, high confidence), and now leaks 41 kB/min"""
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


def leak(slope: Slope, compared: Comparison, sure: bool = True) -> str:
    """now leaks 41 kB/min (high confidence)"""
    recorded_ms = compared.new.longest_ms
    rates = [None if per_s is None else units.rate(per_s, recorded_ms) for per_s in (slope.old_per_s, slope.new_per_s)]
    how = f", {slope.confidence} confidence" if sure else ""
    confidence = f" ({how[2:]})" if sure else ""
    if slope.turn is Turn.BEGAN:
        return f"{'leaks' if slope.unseen else slope.turn} {rates[1]}{confidence}"
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


def _kills(compared: Comparison) -> list[str]:
    found = []
    for name, before, after in (
        ("OOM kill", compared.old.kills, compared.new.kills),
        ("reboot", compared.old.reboots, compared.new.reboots),
    ):
        if before != after:
            in_old = f"{before:,}" if before else "none"
            times = [units.duration(side.recorded_ms) for side in (compared.old, compared.new)]
            found.append(f"{units.count(after, name)} in {times[1]} of NEW; OLD had {in_old} in {times[0]}.")
    return found


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
        else:
            said.append("they are different machines")
    if not said:
        return None
    return f"Less sure than it could be: {_list(said)}."


def _work(work: WorkDone) -> str:
    what = PLURAL.get(work.work, str(work.work))
    if work.times is None:
        return f"{what}: only NEW"
    if work.times >= 1:
        return f"{work.times:.{1 if work.times < 9.95 else 0}f} times as many {what}"
    return f"{what}: {units.percent(work.times)} of OLD's" if work.new_per_h else f"{what}: only OLD"


# -- the page ----------------------------------------------------------------------------------------------


def draw(screen: Screen, compared: Comparison, old: str, new: str) -> None:
    """The whole page; ``old`` and ``new`` are the paths as they were given."""
    bad = bool(compared.worse) or any(item.worse for item in compared.machine)
    for number, said in enumerate(answer(compared, screen.text)):
        screen.wrap(said, "", "", ("bad" if bad else "good") if not number else "")
    screen.line()
    _side(screen, "OLD", old, compared.old)
    _side(screen, "NEW", new, compared.new)
    _conditions(screen, compared)
    _programs(screen, compared)
    _items(screen, compared)
    screen.heading("NEXT")
    for line in next_steps(compared, screen.text, new):
        screen.wrap(line, "  ", "    ")


def _side(screen: Screen, label: str, path: str, side: Side) -> None:
    parts = [units.duration(side.recorded_ms)]
    if len(side.recordings) > 1:
        parts.append(units.count(len(side.recordings), "recording"))
    parts.append(units.count(side.boots, "boot"))
    machine = side.facts[-1].machine
    parts += [screen.text(value) for value in (machine.host, machine.system) if value]
    if machine.kernel:
        parts.append(f"Linux {screen.text(machine.kernel)}")
    if machine.total_bytes:
        parts.append(f"{units.size(machine.total_bytes)} RAM")
    screen.wrap(f"{label}     {screen.text(path)}: {', '.join(parts)}", "", "        ")


def _conditions(screen: Screen, compared: Comparison) -> None:
    known = compared.conditions
    screen.heading("WHAT ELSE IS DIFFERENT")
    for setting in known.settings:
        values = [_values(setting.name, side, screen.text) for side in (setting.old, setting.new)]
        screen.wrap(f"{KNOWN.get(setting.name, screen.text(setting.name))}: {values[0]} → {values[1]}", "  ", "    ")
    for work in known.work:
        amounts = [
            units.size(value) if work.work in BYTES else f"{value:,.0f}" for value in (work.old_per_h, work.new_per_h)
        ]
        what = PLURAL.get(work.work, str(work.work))
        what = what.replace("bytes ", "").replace(" bytes", "") if work.work in BYTES else what
        screen.wrap(f"{what} an hour: {amounts[0]} → {amounts[1]}", "  ", "    ")
    if Doubt.LENGTH in known.doubts:
        times = [units.duration(side.longest_ms) for side in (compared.old, compared.new)]
        screen.line(f"  recorded: {times[0]} → {times[1]}")
    if not known.settings and not known.doubts:
        screen.line("  nothing that was recorded: the same firmware, settings, work and length", "dim")


def _values(name: str, raw: Sequence[bytes], text: Text) -> str:
    if name == "total_kb":
        shown = [units.size(int(value) * 1024) if value.isdigit() and len(value) < 16 else text(value) for value in raw]
    else:
        shown = [text(value) for value in raw]
    return fit(" or ".join(shown), VALUES)


def _programs(screen: Screen, compared: Comparison) -> None:
    screen.heading("PROGRAMS (memory of their own: anonymous, swap included)")
    both = [one for one in compared.programs if one.presence is Presence.BOTH]
    shown = [one for one in both if one.changed]
    if shown:
        header = f"{'program':{NAMES}} {'old':>10} {'new':>10} {'change':>10} {'peak':>10}  confidence"
        screen.line("  " + header, "dim")
    for one in shown[:ROWS]:
        _row(screen, one)
        for note in notes(one, compared, screen.text):
            screen.wrap(note, "    ", "      ", "dim")
    if shown[ROWS:]:
        screen.line(f"  {len(shown) - ROWS:,} more changed; --json tells of them", "dim")
    brief = 0
    for presence, label in ((Presence.NEW, "new"), (Presence.GONE, "gone")):
        alone = [one for one in compared.programs if one.presence is presence]
        lasting = [one for one in alone if one.lasting]
        brief += len(alone) - len(lasting)
        names = [f"{screen.text(one.name)} ({units.size(one.bytes)})" for one in lasting[:LISTED]]
        if names:
            screen.wrap(f"{label}: {_list(names, len(lasting) - LISTED)}", "  ", "    ")
            for one in lasting[:LISTED]:
                if one.slope is not None:
                    screen.line(f"    {screen.text(one.name)} {leak(one.slope, compared)}")
    rest = []
    if len(both) > len(shown):
        rest.append(f"{units.count(len(both) - len(shown), 'program')} as before")
    if brief:
        rest.append(f"{brief:,} that ran for a while on one side only")
    if rest:
        screen.line(f"  {', '.join(rest)}", "dim")
    if not compared.programs:
        screen.line("  unknown: the recordings know no process")


def _row(screen: Screen, one: ProgramDiff) -> None:
    steady, peak = one.steady, one.peak
    name = screen.fit(screen.text(one.name), NAMES)
    sizes = [units.size(value) for value in (steady.old, steady.new)] if steady is not None else ["–", "–"]
    by = _by(steady)
    known = [change.confidence for change in one.memory if change.confidence is not None]
    confidence = str(known[0]) if known else "–"
    role = "bad" if one.worse else "good" if one.better else ""
    screen.line(f"  {name} {sizes[0]:>10} {sizes[1]:>10} {by:>10} {_by(peak):>10}  {confidence}", role)


def _by(change: Change | None) -> str:
    if change is None:
        return "–"
    return units.signed(change.by) if change.confidence is not None else "same"


def notes(one: ProgramDiff, compared: Comparison, text: Text) -> list[str]:
    """What stands under a program's row."""
    found = []
    if one.old_name is not None:
        found.append(f"was {text(one.old_name)}")
    if one.slope is not None:
        said = leak(one.slope, compared)
        if one.slope.unseen:
            said += "; the other side is too short, or moves too much, to say whether it did there"
        found.append(f"{said}; levels are from before it grew")
    if one.places:
        parts = []
        for place in one.places:
            name = mapping_name(place.name, text)
            if place.old is None:
                parts.append(f"{name} {units.size(place.new)} (not listed in OLD)")
            elif place.new is None:
                parts.append(f"{name} gone ({units.size(place.old)})")
            else:
                parts.append(f"{name} {units.signed(place.by)}")
        found.append(f"largest process, by mapping: {', '.join(parts)}")
    counts = []
    for change, what in ((one.processes, "processes"), (one.threads, "threads"), (one.files, "open files")):
        if change is not None and change.confidence is not None:
            counts.append(f"{what} {change.old:,.0f} → {change.new:,.0f}")
    if one.processes is not None and one.processes.confidence is not None and one.largest is not None:
        counts.append(f"the largest {units.size(one.largest.old)} → {units.size(one.largest.new)}")
    if counts:
        found.append("; ".join(counts))
    return found


def _items(screen: Screen, compared: Comparison) -> None:
    screen.heading("THE MACHINE")
    same = []
    for item in compared.machine:
        if not item.changed:
            same.append(item.name)
            continue
        _item(screen, item, compared)
    if same:
        screen.wrap(f"as before: {', '.join(same)}", "  ", "    ", "dim")
    if not compared.machine:
        screen.line("  unknown: too short, or no meminfo on one of the sides")
    kills = f"OOM kills {compared.old.kills:,} → {compared.new.kills:,}"
    screen.line(f"  {kills}, reboots {compared.old.reboots:,} → {compared.new.reboots:,}")


def _item(screen: Screen, item: ItemDiff, compared: Comparison) -> None:
    if item.level is not None and item.level.confidence is not None:
        screen.wrap(
            f"{item.name}: {units.size(item.level.old)} → {units.size(item.level.new)},"
            f" {units.signed(item.level.by)} ({item.level.confidence} confidence)",
            role="bad" if item.worse else "",
        )
    if item.lowest is not None:
        screen.line(f"    at its lowest {units.size(item.lowest[0])} → {units.size(item.lowest[1])}", "dim")
    if item.slope is not None and item.slope.turn is not Turn.SAME:
        screen.wrap(f"{item.name}: {leak(item.slope, compared)}", role="bad" if item.worse else "")


def next_steps(compared: Comparison, text: Text, new: str) -> list[str]:
    """What to do."""
    found = []
    leaking = [one for one in compared.worse if one.slope is not None and one.slope.new_per_s is not None]
    path = shlex.quote(text(new.encode(errors="surrogateescape")))
    if leaking:
        found.append(f"lastgasp leaks {path} --process {shlex.quote(text(leaking[0].name))}")
    elif compared.worse or any(item.worse for item in compared.machine):
        found.append(f"lastgasp report {path}")
    if compared.new.kills > compared.old.kills:
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


def _list(parts: Sequence[str], more: int = 0) -> str:
    """a, b and c."""
    parts = [*parts, f"{more} more"] if more > 0 else list(parts)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
