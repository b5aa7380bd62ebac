"""An OOM report explained on a screen: the answer, where the memory was, the ranking, what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.oom_cause import Case, OomCause, cause, held_kb
from lastgasp.analysis.oom_memory import Memory, Part, group_memory
from lastgasp.oom.choice import EXPECTED, Cause, Choice
from lastgasp.oom.ranking import Ranked
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.oom_next import steps
from lastgasp.report.oom_words import answer, kb, short_case, who
from lastgasp.report.screen import Screen

ROWS_SHOWN = 10
SPARED_SHOWN = 4
UNKNOWN_SHOWN = 3
BAR = 24


@dataclass(frozen=True, slots=True)
class Explained:
    """One report with all that was found out about it."""

    report: Report
    choice: Choice
    cause: OomCause
    source: str  # the log that it stood in
    recorded: tuple[str, ...] = ()  # what the recording around it says, in sentences


def explain(report: Report, choice: Choice, source: str, recorded: tuple[str, ...] = ()) -> Explained:
    """Find out."""
    return Explained(report, choice, cause(report, choice), source, recorded)


def draw(screen: Screen, found: Explained) -> None:
    """One report."""
    for number, sentence in enumerate(answer(found.report, found.choice, found.cause, screen.text)):
        screen.wrap(sentence, "", "", "bad" if not number else "")
    screen.line()
    _place(screen, found)
    if found.cause.case not in (Case.REFUSED, Case.USER_SPACE):
        _memory(screen, found)
        _zones(screen, found.cause)
        _ranking(screen, found)
        _why(screen, found)
    if found.recorded:
        screen.heading("WHAT THE RECORDING SAYS")
        for sentence in found.recorded:
            screen.wrap(sentence, "  ")
    _understood(screen, found.report)
    screen.heading("NEXT")
    for line in steps(found.report, found.choice, found.cause, screen.text):
        screen.wrap(line, "  ", "    ")


def when(report: Report, screen: Screen) -> str:
    """The log's own time of a report."""
    place = report.place
    if place.wall is not None:
        return screen.text(place.wall)
    if place.uptime_us is not None:
        return f"uptime {units.clock(place.uptime_us // 1000)}"
    return f"line {place.first_line:,}"


def summary(screen: Screen, all_found: list[Explained]) -> None:
    """All reports of a log in one table."""
    kills = sum(bool(found.report.victims) for found in all_found)
    panics = sum(found.report.panic is not None for found in all_found)
    refusals = sum(found.report.refusal is not None for found in all_found)
    parts = [units.count(kills, "kill")] if kills else []
    parts += [units.count(panics, "kernel panic")] if panics else []
    parts += [units.count(refusals, "refused allocation")] if refusals else []
    reports = units.count(len(all_found), "event")
    screen.wrap(f"{reports} of memory shortage in this log: {', '.join(parts) or 'nobody killed'}.", "", "", "bad")
    for sentence in _patterns(screen, all_found):
        screen.wrap(sentence, "", "")
    screen.heading(" #   when                 whom                    why")
    for number, found in enumerate(all_found, 1):
        victim = found.choice.victim
        name = who(victim.name, victim.pid or None, screen.text) if victim else "nobody"
        if found.report.panic is not None:
            name = "(kernel panic)"
        if found.report.refusal is not None:
            name = who(found.report.refusal.name, found.report.refusal.pid, screen.text)
        why = short_case(found.cause)
        screen.line(f"{number:>2}   {screen.fit(when(found.report, screen), 20)} {screen.fit(name, 23)} {why}")


def _patterns(screen: Screen, all_found: list[Explained]) -> list[str]:
    """What only several reports show: the same victim again and again, or innocents one after another."""
    said = []
    names: dict[bytes, int] = {}
    for found in all_found:
        if found.choice.victim is not None and found.choice.victim.name:
            names[found.choice.victim.name] = names.get(found.choice.victim.name, 0) + 1
    for name, times in sorted(names.items(), key=lambda item: -item[1])[:1]:
        if times > 2:
            said.append(f"{screen.text(name)} was killed {times} times: it is started again, and fills memory again.")
    shielded = [found for found in all_found if Case.PROTECTED in (found.cause.case, found.cause.within)]
    shielded = [found for found in shielded if found.report.victims]
    if len(shielded) > 1 and shielded[0].cause.holder is not None:
        first, last = shielded[0].cause.holder, shielded[-1].cause.holder
        if last is not None and first.name == last.name:
            size = f"{kb(first.kb)} → {kb(last.kb)}"
            change = f" while it grew ({size})" if last.kb > first.kb * 1.05 and first.pids == last.pids else ""
            said.append(
                f"{len(shielded)} of these kills were in place of {screen.text(first.name)}, which is shielded by its"
                f" oom_score_adj{change}."
            )
    return said


def _place(screen: Screen, found: Explained) -> None:
    report = found.report
    place = report.place
    lines = f"lines {place.first_line:,} to {place.last_line:,}"
    if place.first_line == place.last_line:
        lines = f"line {place.first_line:,}"
    screen.wrap(f"When    {when(report, screen)} ({lines} of {screen.text(found.source)})", "", "        ")
    machine = [screen.text(part) for part in (report.kernel, report.hardware) if part]
    if machine:
        screen.wrap(f"Kernel  {', '.join(machine)}", "", "        ")


def _memory(screen: Screen, found: Explained) -> None:
    where = found.cause.memory
    group = group_memory(found.report) if found.cause.case == Case.GROUP else None
    if group is not None:
        screen.heading("WHERE THE MEMORY OF THE GROUP WAS")
        _parts(screen, group, "all that the group used")
    if where is not None:
        screen.heading("WHERE THE MEMORY WAS")
        _parts(screen, where, "all RAM")
        if where.swap_total_kb:
            screen.line(f"  swap: {kb(where.swap_free_kb)} of {kb(where.swap_total_kb)} free")
            if (where.swap_free_kb or 0) < where.swap_total_kb:
                screen.line("  where swap is zram, what it has packed is in the unexplained remainder", "dim")
        elif where.swap_total_kb == 0:
            screen.line("  no swap", "dim")
        if found.cause.caches and found.cause.caches[0].kb > 0.05 * where.usable_kb:
            caches = ", ".join(f"{screen.text(cache.name)} {kb(cache.kb)}" for cache in found.cause.caches[:4])
            screen.wrap(f"largest unreclaimable slab caches: {caches}", "  ", "    ")
    elif group is None:
        screen.heading("WHERE THE MEMORY WAS")
        screen.line("  the report has no memory info (Mem-Info) in this log")


def _parts(screen: Screen, where: Memory, total: str) -> None:
    mark = "█" if screen.unicode else "#"
    for part, size in sorted(where.parts.items(), key=lambda item: (item[0] in _LAST, -item[1])):
        if not size and part != Part.REMAINDER:
            continue
        share = size / where.ram_kb
        bar = mark * round(min(share, 1.0) * BAR) or ("▏" if screen.unicode and size else "")
        screen.line(f"  {part:<30} {kb(size):>9} {units.percent(share):>6}  {bar}")
    screen.line(f"  {total:<30} {kb(where.ram_kb):>9}  100 %", "head")
    if where.over_kb:
        screen.line(f"  the parts exceed it by {kb(where.over_kb)}: counters moved while they were read", "dim")


_LAST = (Part.REMAINDER, Part.FREE, Part.FREE_CMA, Part.RESERVED)


def _zones(screen: Screen, cause: OomCause) -> None:
    if not cause.zones:
        return
    screen.heading("FREE AGAINST THE WATERMARKS")
    screen.line(f"  {'zone':<14}{'free':>9}  {'of it CMA':>9}  {'minimum':>9}  {'low':>9}", "dim")
    for zone in cause.zones:
        name = screen.text(zone.name) if zone.node is None else f"node {zone.node} {screen.text(zone.name)}"
        row = f"  {screen.fit(name, 13)} {kb(zone.free_kb):>9}  {kb(zone.free_cma_kb):>9}"
        row += f"  {kb(zone.min_kb):>9}  {kb(zone.low_kb):>9}"
        said = "not for this request" if not zone.allowed else "below minimum" if zone.short else ""
        screen.line(f"{row}  {said}")
        if zone.boost_kb:
            screen.wrap(
                f"{kb(zone.boost_kb)} of the minimum are a passing boost (vm.watermark_boost_factor): without it the"
                f" minimum is {kb((zone.min_kb or 0) - zone.boost_kb)}",
                "    ",
            )
        if zone.reserve_kb:
            screen.line(f"    {kb(zone.reserve_kb)} more are kept from requests that may use a higher zone")
    if cause.elsewhere_kb and all(zone.allowed for zone in cause.zones):
        screen.line(f"  {kb(cause.elsewhere_kb)} were free in zones that this request may not use")


def _ranking(screen: Screen, found: Explained) -> None:
    choice = found.choice
    screen.heading("WHOM THE KERNEL WOULD TAKE")
    if not choice.ranking:
        if found.report.tasks is None:
            words = "unknown: the report has no task table (vm.oom_dump_tasks=0, or lines are missing)"
        elif not found.report.tasks:
            words = "nobody: no process is left in the task table but the first, which the kernel never takes"
        else:
            words = f"unknown: the report does not tell what points are measured against: {choice.total.how}"
        screen.wrap(words, "  ", "    ")
        return
    screen.line(" #      pid name               holds  points  by adj   adj  | turns at adj, size", "dim")
    shown = [entry for entry in choice.ranking if entry.rank][:ROWS_SHOWN]
    ranked = sum(entry.rank is not None for entry in choice.ranking)
    chosen = next((entry for entry in choice.ranking if entry.pid == choice.kernel_pid), None)
    for entry in shown:
        _row(screen, choice, entry)
    if ranked > len(shown):
        screen.line(f"        … {units.count(ranked - len(shown), 'more process', 'more processes')}", "dim")
    if chosen is not None and chosen not in shown:
        _row(screen, choice, chosen)
    spared = sorted((e for e in choice.ranking if e.points is None), key=lambda e: -held_kb(e, choice.page_kb))
    for entry in spared[:SPARED_SHOWN]:
        if entry is not chosen:
            _row(screen, choice, entry)
    if len(spared) > SPARED_SHOWN:
        screen.line(f"        … {len(spared) - SPARED_SHOWN} more that may not be killed", "dim")
    legend = "* killed. " if choice.victim is not None else ""
    if choice.model is not None and _change(choice, choice.model):
        name = screen.text(choice.model.process.name)
        legend += f"“turns at”: with this adj, or so much smaller, {name} would have been spared; any other of these"
        legend += " would have been taken with that adj, or if it had held so much more."
    screen.wrap(legend, "  ", "  ", "dim")


def _row(screen: Screen, choice: Choice, entry: Ranked) -> None:
    killed = {choice.kernel_pid, choice.victim.pid if choice.victim else None, *choice.group}
    mark = "*" if choice.victim is not None and entry.pid in killed else " "
    points = "never" if entry.points is None else str(entry.points)
    by_adj = "" if not entry.adj_points else f"{entry.adj_points:+d}"
    size = kb(held_kb(entry, choice.page_kb))
    rank = "-" if entry.rank is None else str(entry.rank)
    name = screen.fit(screen.text(entry.process.name), 15)
    line = f"{mark}{rank:<3} {entry.pid:>6} {name} {size:>8} {points:>7} {by_adj:>7} {entry.process.usage.adj:>5}"
    screen.line(f"{line}  | {_change(choice, entry)}", "bad" if mark == "*" else "")


def _change(choice: Choice, entry: Ranked) -> str:
    needs = choice.needs(entry.pid)
    if needs is None or entry.process.passed_over:
        return ""
    parts = [] if needs.adj is None else [str(needs.adj)]
    if needs.chosen and not needs.other:
        return ""
    if needs.pages is not None:
        parts.append(("-" if needs.chosen else "+") + kb(needs.pages * choice.page_kb))
    return " or ".join(parts) or "nothing"


def _why(screen: Screen, found: Explained) -> None:
    choice = found.choice
    if not choice.ranking:
        return
    screen.line()
    total = choice.total.pages or 0
    if choice.found.era.since < (3, 5):
        unit = "Points are thousandths of the total, adj is added as it is"
    else:
        unit = f"Points are pages of {choice.page_kb} kB (RSS, swap, page tables), and {total // 1000} for each adj"
    screen.wrap(f"{unit}. Total: {kb(total * choice.page_kb)}, {choice.total.how}.", "  ", "  ")
    model = choice.model
    if choice.cause == Cause.MODEL and choice.agrees and model is not None:
        how = "By the kernel's own arithmetic" if not choice.era_matters else "By the likeliest arithmetic"
        screen.wrap(
            f"{how} ({_era(choice)}) {screen.text(model.process.name)} came first: it chose as it should.", "  "
        )
    elif choice.cause == Cause.NONE_KILLED and model is not None:
        name = who(model.process.name, model.pid, screen.text)
        screen.wrap(f"Had the kernel killed, it would have taken {name} first ({_era(choice)}).", "  ")
    elif choice.cause == Cause.NONE_KILLED:
        screen.wrap("Nobody in the table may be killed.", "  ")
    elif choice.cause in EXPECTED:
        screen.wrap(f"Why this one: {choice.cause}.", "  ")
    else:
        first = f" {who(model.process.name, model.pid, screen.text)} would have come first;" if model else ""
        screen.wrap(f"By the kernel's arithmetic ({_era(choice)}){first} it took another: {choice.cause}.", "  ")
    for doubt in (*choice.caveats, *choice.total.doubts):
        screen.wrap(f"Not sure: {doubt}.", "  ", "    ", "dim")


def _era(choice: Choice) -> str:
    return f"of Linux {choice.found.era.name} and later"


def _understood(screen: Screen, report: Report) -> None:
    screen.heading("HOW MUCH OF IT WAS UNDERSTOOD")
    if report.recognised == report.lines:
        words = f"all {report.lines} lines" if report.lines != 1 else "its one line"
    else:
        words = f"{report.recognised} of {report.lines} lines; not understood:"
    if not report.complete:
        words += "; its end is not in the log (cut, or the machine died there)"
    screen.wrap(words, "  ", "    ")
    if report.tasks_dropped:
        screen.line(f"  {units.count(report.tasks_dropped, 'row')} of the task table were too many to keep")
    for line in report.unknown[:UNKNOWN_SHOWN]:
        screen.line(f"    {screen.text(line)}", "dim")
    if len(report.unknown) > UNKNOWN_SHOWN:
        screen.line(f"    … and more of such lines (--json: up to {len(report.unknown)})", "dim")
