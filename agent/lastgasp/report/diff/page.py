"""The page of ``lastgasp diff``: the answer, what else differs, programs, the machine, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lastgasp.analysis.compare.conditions import Doubt
from lastgasp.analysis.compare.diff import Comparison
from lastgasp.analysis.compare.machine import ItemDiff
from lastgasp.analysis.compare.noise import Change
from lastgasp.analysis.compare.programs import Presence, ProgramDiff
from lastgasp.analysis.compare.sides import Side
from lastgasp.analysis.compare.slopes import Turn
from lastgasp.analysis.facts import Machine
from lastgasp.analysis.workload.counters import Work
from lastgasp.report import units
from lastgasp.report.diff.answer import PLURAL, Text, answer, leak, next_steps, too_brief
from lastgasp.report.places import mapping_name
from lastgasp.report.screen import Screen
from lastgasp.report.visible import fit

ROWS = 12
LISTED = 6  # new or gone programs
NAMES = 20
VALUES = 60
KINDS = 3  # of machines or firmwares on one side
ADJUSTED = 5
BYTES = (Work.BYTES_IN, Work.BYTES_WRITTEN)
KNOWN = {"total_kb": "RAM", "os.pretty_name": "firmware", "agent": "lastgasp"}


def draw(screen: Screen, compared: Comparison, old: str, new: str) -> None:
    """The whole page; ``old`` and ``new`` are the paths as they were given."""
    for number, said in enumerate(answer(compared, screen.text)):
        screen.wrap(said, "", "", ("bad" if compared.bad else "good") if not number else "")
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
    kinds = Counter(_kind(facts.machine) for facts in side.facts)
    if len(kinds) == 1:
        parts += _machine(screen, side.facts[-1].machine, len({facts.machine.host for facts in side.facts}))
    screen.wrap(f"{label}     {screen.text(path)}: {', '.join(parts)}", "", "        ")
    if len(kinds) == 1:
        return
    for kind, number in kinds.most_common(KINDS):
        of = [facts.machine for facts in side.facts if _kind(facts.machine) == kind]
        told = ", ".join(_machine(screen, of[-1], len({machine.host for machine in of}))) or "unknown machine"
        screen.wrap(f"{units.count(number, 'recording')}: {told}", "        ", "          ")
    if len(kinds) > KINDS:
        screen.line(f"        {units.count(len(kinds) - KINDS, 'other kind')} of machine or firmware more")


def _kind(machine: Machine) -> tuple[object, ...]:
    """What runs of one firmware on one kind of machine have in common."""
    return machine.system, machine.kernel, machine.architecture, machine.total_bytes, machine.page_size


def _machine(screen: Screen, machine: Machine, hosts: int) -> list[str]:
    parts = [units.count(hosts, "host")] if hosts > 1 else [screen.text(machine.host)] if machine.host else []
    if machine.system:
        parts.append(screen.text(machine.system))
    if machine.kernel:
        parts.append(f"Linux {screen.text(machine.kernel)}")
    if machine.total_bytes:
        parts.append(f"{units.size(machine.total_bytes)} RAM")
    return parts


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
    if known.interval_ms is not None:
        every = [units.duration(round(ms, -1)) for ms in known.interval_ms]
        screen.line(f"  sampled every: {every[0]} → {every[1]}")
    for one in compared.adjusted[:ADJUSTED]:
        screen.wrap(f"oom_score_adj of {screen.text(one.name)}: {one.old} → {one.new}", "  ", "    ")
    if compared.adjusted[ADJUSTED:]:
        screen.line(f"  oom_score_adj of {units.count(len(compared.adjusted) - ADJUSTED, 'more program')}", "dim")
    for label, mixed in zip(("OLD", "NEW"), known.mixed, strict=True):
        if mixed:
            names = [KNOWN.get(name, screen.text(name)) for name in mixed[:LISTED]]
            screen.wrap(f"among the runs of {label}: {units.listed(names, len(mixed) - LISTED)}", "  ", "    ")
    same = not known.settings and not known.doubts and known.interval_ms is None and not compared.adjusted
    if same:
        screen.wrap("nothing that was recorded: same firmware and settings, like work and length", "  ", "    ", "dim")


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
        lasting = [one for one in alone if one.lasting or one.worse]
        brief += len(alone) - len(lasting)
        names = [f"{screen.text(one.name)} ({units.size(one.bytes)})" for one in lasting[:LISTED]]
        if names:
            screen.wrap(f"{label}: {units.listed(names, len(lasting) - LISTED)}", "  ", "    ")
            for one in lasting[:LISTED]:
                if one.slope is not None:
                    said = f"{screen.text(one.name)} {leak(one.slope, compared, new=presence is Presence.NEW)}"
                    screen.wrap(said, "    ", "      ", "bad" if one.worse else "")
    brief_both = sum(one.too_brief and not one.changed for one in both)
    as_before = len(both) - len(shown) - brief_both
    rest = []
    if as_before:
        rest.append(f"{units.count(as_before, 'program')} as before")
    if brief_both:
        rest.append(too_brief(brief_both))
    if brief:
        rest.append(f"{brief:,} that ran for a while on one side only")
    if rest:
        screen.wrap(", ".join(rest), "  ", "    ", "dim")
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
