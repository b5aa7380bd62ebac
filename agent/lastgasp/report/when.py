"""The sections that say when, for how long and on what was recorded."""

from __future__ import annotations

from typing import TypeVar

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.runs import End, Run
from lastgasp.report import units
from lastgasp.report.screen import Screen

BOOTS_SHOWN = 8
CLOCKS_SHOWN = 4
ENTRIES_SHOWN = 16
KINDS = {"mark": "mark", "alert": "ALERT", "alert.end": "alert over", "config": "configuration", "tune": "tuned"}
ENDS = {
    End.STOPPED: "stopped cleanly",
    End.UNCLEAN: "ended uncleanly (power cut, reset or kill)",
    End.OPEN: "no stop (still running when copied, or cut off)",
}
T = TypeVar("T")


def machine(screen: Screen, facts: Facts) -> None:
    """What was recorded on."""
    of = facts.machine
    parts = [screen.text(of.host) if of.host else "host unknown"]
    parts.append(
        f"Linux {screen.text(of.kernel)} {screen.text(of.architecture or b'')}" if of.kernel else "kernel unknown"
    )
    parts.append(units.count(of.cpus, "CPU") if of.cpus else "CPUs unknown")
    parts.append(f"{units.size(of.total_bytes)} RAM" if of.total_bytes else "RAM unknown")
    if of.system:
        parts.append(screen.text(of.system))
    screen.wrap("Where   " + ", ".join(parts), "", "        ")


def span(screen: Screen, facts: Facts) -> None:
    """From when to when, at what distance, in how many boots."""
    of = facts.span
    every = f"every {units.duration(round(of.interval_ms, -1))}" if of.interval_ms else "distance unknown"
    last = units.near(of.last, of)
    zone = " UTC" if of.first.wall_ns is not None or of.last.wall_ns is not None else " (clock never set)"
    screen.wrap(
        f"When    {units.stamp(of.first)} to {last}{zone}: {units.duration(of.recorded_ms)},"
        f" {units.count(of.samples, 'sample')} ({every}), {units.count(len(facts.boots), 'boot')}",
        "",
        "        ",
    )
    for step in _some(facts.clock_steps, CLOCKS_SHOWN):
        if step is None:
            screen.line(f"clock   … set {len(facts.clock_steps) - CLOCKS_SHOWN:,} more times")
            continue
        way = "forward" if step.by_ms > 0 else "back"
        boot = f" of boot {step.at.boot}" if len(facts.boots) > 1 else ""
        screen.wrap(
            f"clock   set {way} by {units.duration(abs(step.by_ms))} at uptime {units.clock(step.at.uptime_ms)}"
            f"{boot}: {units.utc(step.from_ns)} → {units.utc(step.to_ns)}",
            "",
            "        ",
        )


def boots(screen: Screen, facts: Facts) -> None:
    """One line a boot, where there were several."""
    if len(facts.boots) < 2:
        return
    screen.heading("BOOTS (one timeline)")
    some = _some(facts.boots, BOOTS_SHOWN)
    for boot in some:
        if boot is None:
            screen.line(f"  …     {len(facts.boots) - BOOTS_SHOWN:,} more boots")
            continue
        parts = [
            f"{units.near(boot.first, facts.span)}, {units.duration(boot.last.uptime_ms - boot.first.uptime_ms)}",
            units.count(boot.samples, "sample"),
        ]
        if boot.off_ms is not None:
            parts.append(f"off for {units.duration(boot.off_ms)} before")
        screen.line(f"  {boot.boot:<5} {', '.join(parts)}")


def happened(screen: Screen, facts: Facts) -> None:
    """Starts and stops of the agent, OOM kills, marks, alerts, configuration, tuning, in the order of time."""
    screen.heading("WHAT HAPPENED")
    entries = [(run.first, _run(run, facts), "bad" if run.end is End.UNCLEAN else "") for run in facts.runs]
    entries += [(note.at, f"{KINDS[note.kind]}: {screen.text(note.text)}", "") for note in facts.happenings]
    entries += [
        (event.at, f"OOM kill: {screen.text(event.victim)} (pid {event.victim_pid})", "bad")
        for event in facts.ooms
        if event.victim is not None and not event.before_recording
    ]
    entries += [(run.first, f"note: {screen.text(note)}", "") for run in facts.runs for note in run.notes]
    entries.sort(key=lambda entry: (entry[0].boot, entry[0].uptime_ms))
    for entry in _some(entries, ENTRIES_SHOWN):
        if entry is None:
            screen.line(f"  …     {len(entries) - ENTRIES_SHOWN:,} more")
            continue
        when = units.near(entry[0], facts.span)
        screen.wrap(f"{when}  {entry[1]}", "  ", " " * (len(when) + 4), entry[2])


def _run(run: Run, facts: Facts) -> str:
    began = "recording began" if run.began else "recording had begun before (its start is overwritten or lost)"
    boot = f" in boot {run.first.boot}" if len(facts.boots) > 1 else ""
    return f"{began}{boot}; after {units.duration(run.last.uptime_ms - run.first.uptime_ms)} {ENDS[run.end]}"


def _some(items: list[T], most: int) -> list[T | None]:
    """All of them, or the first and the last few with None for those left out."""
    if len(items) <= most:
        return list(items)
    return [*items[: most // 2], None, *items[-(most - most // 2) :]]
