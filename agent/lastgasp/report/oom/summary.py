"""Several OOM reports of one log on a screen: how many, what only all of them together show, a table, and each.

What repeats the event before it is told in brief, unless all is asked for: the first of its kind and the last of all
are told whole. Refusals by overcommit, which are one line of the log each, are told together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lastgasp.analysis.facts import EXPLAINED
from lastgasp.analysis.leading import leading
from lastgasp.analysis.oom.before import Finding
from lastgasp.analysis.oom.cause import inner
from lastgasp.analysis.oom.series import Series, series
from lastgasp.report import units
from lastgasp.report.oom import series as oom_series
from lastgasp.report.oom.headline import filled
from lastgasp.report.oom.page import Explained, draw, next_steps, refusals, when
from lastgasp.report.oom.several import BRIEF_FROM, BRIEF_SHOWN, divider, shortened
from lastgasp.report.oom.words import Text, kb, short_case, who
from lastgasp.report.screen import Screen

TABLE_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Page:
    """Which events, by their places, and whether in brief."""

    first: int
    last: int
    brief: bool


def joined(found: Sequence[Explained]) -> tuple[list[Explained], Series]:
    """Each report with what the others tell of who held most in it, and what all of them show together."""
    together = series(found)
    with_growth = []
    for number, one in enumerate(found, 1):
        holder = one.cause.holder
        grown = together.grown(number, holder.pids) if holder is not None else None
        with_growth.append(replace(one, grown=grown))
    return with_growth, together


def draw_all(screen: Screen, found: Sequence[Explained], whole: bool) -> None:
    """One report; or a table of several, then each of them, in brief where it is nothing new."""
    if len(found) == 1:
        draw(screen, found[0])
        return
    events, together = joined(found)
    _summary(screen, events, together)
    pages = _pages(events, whole)
    shown: list[tuple[int, list[str]]] = []  # whole, and what they say to do
    for page in pages:
        screen.line()
        divider(screen, page.first + 1, page.last + 1, len(events))
        if page.brief and events[page.first].report.refusal is not None:
            refusals(screen, events[page.first : page.last + 1])
        elif page.brief:
            _brief(screen, events, page)
        else:
            one = events[page.first]
            said = next_steps(one, screen.text)
            same = next((place for place, steps in shown if steps == said), None)
            draw(screen, one, [f"As for event {same + 1}."] if same is not None else said)
            if same is None:
                shown.append((page.first, said))
    if any(page.brief and events[page.first].report.refusal is None for page in pages):
        screen.line()
        screen.line("What repeats is told in brief: --all tells every event whole.", "dim")


def _kind(one: Explained) -> tuple[object, ...]:
    holder = one.cause.holder
    return one.cause.case, inner(one.cause), holder.name if holder else None, one.report.panic is not None


def _pages(events: Sequence[Explained], whole: bool) -> list[Page]:
    """Events of one kind after another: the first whole, the others in brief; the very last whole."""
    if whole:
        return [Page(place, place, False) for place in range(len(events))]
    pages: list[Page] = []
    for _, alike in groupby(range(len(events)), lambda place: _kind(events[place])):
        start, *others = alike
        last = others[-1] if others else start
        if events[start].report.refusal is not None:
            pages.append(Page(start, last, last > start))
        else:
            pages.append(Page(start, start, False))
            end = last - 1 if last == len(events) - 1 else last
            if end > start:
                pages.append(Page(start + 1, end, len(events) >= BRIEF_FROM))
            if last > end and last > start:
                pages.append(Page(last, last, False))
    return pages


def _brief(screen: Screen, events: Sequence[Explained], page: Page) -> None:
    """One paragraph each."""
    screen.line(f"The same as in event {page.first}:")
    for place in shortened(screen, range(page.first, page.last + 1), BRIEF_SHOWN):
        one, before = events[place], events[place - 1]
        victim = one.choice.victim
        killed = f"killed {who(victim.name, victim.pid, screen.text)}" if victim is not None else "nobody killed"
        if one.cause.victim_kb is not None:
            killed += f", which held {kb(one.cause.victim_kb)}"
        holder, was = one.cause.holder, before.cause.holder
        if holder is not None and (victim is None or victim.pid not in holder.pids):
            killed += f"; {screen.text(holder.name)} held {kb(holder.kb)}"
            if was is not None and was.pids == holder.pids and holder.kb != was.kb:
                killed += f" ({units.signed((holder.kb - was.kb) * 1024)})"
        number = f"{place + 1:>2}  "
        screen.wrap(f"{when(one.report, screen)}  {killed}", f"  {number}", "      ")


def _summary(screen: Screen, events: Sequence[Explained], together: Series) -> None:
    kills = sum(bool(found.report.victims) for found in events)
    panics = sum(found.report.panic is not None for found in events)
    refused = sum(found.report.refusal is not None for found in events)
    parts = [units.count(kills, "kill")] if kills else []
    parts += [units.count(panics, "kernel panic")] if panics else []
    parts += [units.count(refused, "refused allocation")] if refused else []
    words = f"{units.count(len(events), 'event')} of memory shortage in this log"
    screen.wrap(f"{words}: {', '.join(parts) or 'nobody killed'}.", "", "", "bad")
    story = _story(events, screen.text)
    if story is not None:
        screen.wrap(story, "", "")
    recorded = [one.before.program for one in events if one.before is not None and one.before.blamed]
    leakers = {program.name for program in recorded if program is not None}
    for sentence in oom_series.sentences(together, screen.text, leakers):
        screen.wrap(sentence, "", "")
    screen.heading(" #   when                 whom                    why")
    for number, found in shortened(screen, list(enumerate(events, 1)), TABLE_SHOWN, "     "):
        victim = found.choice.victim
        name = who(victim.name, victim.pid or None, screen.text) if victim else "nobody"
        if found.report.panic is not None:
            name = "(kernel panic)"
        if found.report.refusal is not None:
            name = who(found.report.refusal.name, found.report.refusal.pid, screen.text)
        why = reason(found, screen.text)
        screen.line(f"{number:>2}   {screen.fit(when(found.report, screen), 20)} {screen.fit(name, 23)} {why}")


def _story(events: Sequence[Explained], text: Text) -> str | None:
    """Who filled the memory before the kill that a report of the recording begins with; None: nobody is named."""
    first = leading([one for one in events if one.before is not None and one.before.recorded_ms][:EXPLAINED])
    if first is None:
        return None
    named = first.culprit
    return filled(first.report, first.choice, first.cause, named, text) if named is not None else None


def reason(found: Explained, text: Text) -> str:
    """The case in a few words, by the recording where it knows."""
    before = found.before
    if before is None or not before.blamed:
        return short_case(found.cause)
    if before.program is not None:
        return f"{text(before.program.name)} leaks"
    return "tmpfs or shared memory grows" if before.finding == Finding.SHARED else "kernel memory grows"
