"""The sections on being out of memory: OOM events and memory groups near their limit."""

from __future__ import annotations

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.events import OomEvent
from lastgasp.report import units
from lastgasp.report.answer import limit_reached
from lastgasp.report.screen import Screen

EVENTS_SHOWN = 8
GROUPS_SHOWN = 6


def kills(screen: Screen, facts: Facts) -> None:
    """What the kernel said when it ran out of memory."""
    screen.heading("OUT OF MEMORY")
    recorded = [event for event in facts.ooms if not event.before_recording]
    earlier = [event for event in facts.ooms if event.before_recording]
    if len(recorded) > EVENTS_SHOWN:
        screen.line(f"  {len(recorded) - EVENTS_SHOWN:,} earlier ones; --json tells of them", "dim")
    for event in recorded[-EVENTS_SHOWN:]:
        _event(screen, facts, event)
    if earlier:
        last = earlier[-1]
        victim = f"{screen.text(last.victim)} (pid {last.victim_pid})" if last.victim is not None else "nobody"
        screen.wrap(
            f"before the recording began: {units.count(len(earlier), 'report')}, the last at"
            f" {units.near(last.at, facts.span)}: killed {victim}",
            "  ",
            "    ",
        )
    if not facts.ooms:
        screen.line("  no OOM report among the kernel messages that were recorded")
    counted = "unknown (before Linux 4.13)" if facts.kills_counted is None else str(facts.kills_counted)
    screen.line(f"  OOM kills by the kernel's own count while it was recorded: {counted}", "dim")


def _event(screen: Screen, facts: Facts, event: OomEvent) -> None:
    when = units.near(event.at, facts.span)
    indent = " " * (len(when) + 4)
    if event.panic is not None:
        screen.wrap(f"{when}  kernel panic: {event.panic}", "  ", indent, "bad")
    elif event.victim is None:
        screen.wrap(f"{when}  the OOM killer was invoked; its end is not recorded", "  ", indent)
    else:
        victim = f"{screen.text(event.victim)} (pid {event.victim_pid})"
        screen.wrap(f"{when}  killed {victim}: {_sizes(event)}", "  ", indent, "bad")
    said = []
    if event.invoker is not None:
        said.append(f"asked for memory: {screen.text(event.invoker)} ({_request(event.order)})")
    if event.limited_by_group:
        said.append(limit_reached(facts, event, screen.text))
    elif event.constraint is not None:
        said.append("the whole machine was short" if event.constraint == "CONSTRAINT_NONE" else event.constraint)
    if said:
        screen.wrap("; ".join(said), indent)


def _request(order: int | None) -> str:
    if order is None:
        return units.UNKNOWN
    return "sysrq" if order < 0 else "one page" if order == 0 else f"{2**order} pages in a row"


def _sizes(event: OomEvent) -> str:
    parts = [f"{units.size(event.anon_bytes)} anonymous"]
    parts.append(f"{units.size(event.file_bytes)} file")
    if event.shmem_bytes:
        parts.append(f"{units.size(event.shmem_bytes)} shared")
    if event.oom_score_adj is not None:
        parts.append(f"oom_score_adj {event.oom_score_adj}")
    return ", ".join(parts)


def groups(screen: Screen, facts: Facts) -> None:
    """Memory groups that came near their limit; nothing where no group has one."""
    near = [group for group in facts.groups if group.near]
    if not facts.groups:
        return
    screen.heading("MEMORY GROUPS WITH A LIMIT")
    for group in near[:GROUPS_SHOWN]:
        parts = [
            f"peak {units.size(group.peak_bytes)} of {units.size(group.limit_bytes)}"
            f" ({units.percent(group.peak_bytes / group.limit_bytes)})"
        ]
        if group.limit_hits:
            parts.append(f"limit hit {units.count(group.limit_hits, 'time')}")
        parts.append("OOM kills unknown" if group.oom_kills is None else units.count(group.oom_kills, "OOM kill"))
        screen.wrap(f"{screen.text(group.path)}: {', '.join(parts)}", "  ", "    ")
    calm = len(facts.groups) - len(near[:GROUPS_SHOWN])
    if calm:
        said = "more" if near else "all of them below 90 % of it"
        screen.line(f"  {units.count(calm, 'group')} {said}", "dim")
