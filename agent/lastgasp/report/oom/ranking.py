"""Whom the kernel would take, on a screen: the ranking, what would have changed it, and why it was this one."""

from __future__ import annotations

from lastgasp.analysis.oom.holders import held_kb
from lastgasp.oom.choice import EXPECTED, Cause, Choice
from lastgasp.oom.ranking import Ranked
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.oom.words import kb, who
from lastgasp.report.screen import Screen

ROWS_SHOWN = 10
SPARED_SHOWN = 4


def ranking(screen: Screen, report: Report, choice: Choice) -> None:
    """The table."""
    screen.heading("WHOM THE KERNEL WOULD TAKE")
    if not choice.ranking:
        if report.tasks is None:
            words = "unknown: the report has no task table (vm.oom_dump_tasks=0, or lines are missing)"
        elif not report.tasks and report.cut_table:
            words = "unknown: the log ends where the task table begins"
        elif not report.tasks:
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
    first = choice.model if choice.cause != Cause.ALLOCATING else chosen
    if first is not None and choice.model is not None and _change(choice, first):
        name = screen.text(choice.model.process.name)
        if choice.cause == Cause.ALLOCATING:
            legend += "“turns at”: with this adj alone it would have been spared, whatever its points: it was killed"
            legend += " for asking."
        elif choice.group:
            legend += "“turns at”: with this adj it would have been spared; with any other it dies with its group."
        else:
            what = "passed over" if choice.cause == Cause.CHILD else "spared"
            legend += f"“turns at”: with this adj, or so much smaller, {name} would have been {what}; any other of"
            legend += " these would have been taken with that adj, or if it had held so much more."
    screen.wrap(legend, "  ", "  ", "dim")


def _row(screen: Screen, choice: Choice, entry: Ranked) -> None:
    killed = {choice.victim.pid if choice.victim else None, *choice.group}
    if choice.cause != Cause.CHILD:
        killed.add(choice.kernel_pid)  # the victim may be told by another of its threads
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
    if needs.chosen and not needs.other and not choice.group:
        return ""
    if needs.pages is not None:
        parts.append(("-" if needs.chosen else "+") + kb(needs.pages * choice.page_kb))
    return " or ".join(parts) or "nothing"


def why(screen: Screen, choice: Choice) -> None:
    """What points are, and whether the kernel chose as it should."""
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
    elif choice.cause == Cause.CUT:
        screen.wrap("The log ends in this table: who stood below, and whom the kernel chose, is not told.", "  ")
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
