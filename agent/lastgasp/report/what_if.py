"""What would have become of an OOM kill with other settings: the answer, the order of kills, what it can't say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from lastgasp.oom.overcommit import Answer
from lastgasp.oom.what_if import Caveat, Change, Outcome
from lastgasp.report import units
from lastgasp.report.oom.page import Explained, when
from lastgasp.report.oom.several import BRIEF_FROM, BRIEF_SHOWN, divider, shortened
from lastgasp.report.oom.words import Text, kb, who
from lastgasp.report.screen import Screen

KILLS_SHOWN = 8
TOO_MUCH = 0.5  # of all memory, held by those who may not be killed
Told = tuple[Explained, Outcome | None]


def changed(change: Change) -> str:
    """The change in words, as it was asked for."""
    parts = [
        f"oom_score_adj {rule.adj} for {'pid ' + str(rule.pid) if rule.pid is not None else _name(rule.name)}"
        for rule in change.rules
    ]
    for size, what in ((change.ram_kb, "RAM"), (change.swap_kb, "swap"), (change.limit_kb, "for the group's limit")):
        if size:
            parts.append(f"{units.size(abs(size) * 1024)} {'more' if size > 0 else 'less'} {what}")
    if change.kill_allocating_task:
        parts.append("vm.oom_kill_allocating_task=1")
    return ", ".join(parts)


def _name(name: bytes | None) -> str:
    return (name or b"").decode(errors="backslashreplace")


def sentence(found: Explained, outcome: Outcome | None, text: Text) -> str:
    """The answer."""
    if outcome is None:
        why = "it has no task table" if not found.report.tasks else "it does not tell what points are measured against"
        if found.report.refusal is not None:
            why = "it is of a refused allocation, not of a kill"
        return f"This cannot be told from this report: {why}."
    victim = found.choice.victim
    killed = f"the kernel killed {who(victim.name, victim.pid, text)}" if victim else "the kernel killed nobody"
    if not outcome.kills:
        return f"Here {killed}; with this change nobody might have been killed: the kernel would have panicked."
    first = outcome.kills[0]
    name = who(first.name, first.pid, text)
    if victim is None:
        return f"Here {killed}; with this change it would have taken {name} first, if it had to kill."
    if outcome.together:
        spared = len({killed.pid for killed in found.report.victims} - set(outcome.together))
        if not spared:
            return (
                f"No other outcome: {name} would have come first, and with memory.oom.group all of the group die"
                " together, whoever of them is first."
            )
        who_else = f"its group (memory.oom.group), but for {units.count(spared, 'process', 'processes')} with -1000"
        return f"Here {killed}; with this change it would have taken {name} and {who_else}."
    if not outcome.other:
        return f"No other choice: with this change, too, the kernel would have taken {name}."
    return f"Here {killed}; with this change it would have taken {name} first."


def draw_all(screen: Screen, outcomes: Sequence[Told]) -> None:
    """Each report with the change; what repeats the one before it in a line or two."""
    told: dict[tuple[Caveat, ...], int] = {}  # from which event on
    for (number, (found, outcome)), *others in _runs(outcomes):
        screen.line()
        if len(outcomes) > 1:
            divider(screen, number, number, len(outcomes))
        caveats_of = told.setdefault(outcome.caveats, number) if outcome is not None else number
        draw(screen, found, outcome, None if caveats_of == number else caveats_of)
        if others:
            screen.line()
            divider(screen, others[0][0], others[-1][0], len(outcomes))
            screen.line(f"The same as in event {number}:")
            _brief(screen, others)


def _runs(outcomes: Sequence[Told]) -> Iterator[list[tuple[int, Told]]]:
    """Each with its number; those after one another whose answers are the same but for pids and sizes together."""
    numbered = list(enumerate(outcomes, 1))
    if len(outcomes) < BRIEF_FROM:
        yield from ([one] for one in numbered)
        return
    for _, alike in groupby(numbered, lambda one: _kind(*one[1])):
        yield list(alike)


def _brief(screen: Screen, outcomes: Sequence[tuple[int, Told]]) -> None:
    for number, (found, outcome) in shortened(screen, outcomes, BRIEF_SHOWN, end="; --json tells of them"):
        said = sentence(found, outcome, screen.text)
        screen.wrap(f"{when(found.report, screen)}  {said}", f"  {f'{number:>2}  '}", "      ")


def _kind(found: Explained, outcome: Outcome | None) -> tuple[object, ...]:
    victim = found.choice.victim
    told = (victim.name if victim is not None else None, outcome is None, found.report.refusal is None)
    if outcome is None:
        return told
    first = outcome.kills[0].name if outcome.kills else None
    warned = outcome.protected_share > TOO_MUCH
    return (*told, first, outcome.other, bool(outcome.together), outcome.unmatched, warned, outcome.caveats)


def draw(screen: Screen, found: Explained, outcome: Outcome | None, caveats_of: int | None = None) -> None:
    """One report with the change; ``caveats_of``: the number of the event that has told its caveats already."""
    screen.wrap(sentence(found, outcome, screen.text), "", "", "head")
    place = f"lines {found.report.place.first_line:,} to {found.report.place.last_line:,}"
    screen.wrap(f"When    {when(found.report, screen)} ({place} of {screen.text(found.source)})", "", "        ")
    if outcome is None:
        return
    for rule in outcome.unmatched:
        who_ = f"pid {rule.pid}" if rule.pid is not None else screen.text(rule.name or b"")
        screen.wrap(f"No process in the table is {who_}: that rule changed nothing.", "", "", "bad")
    if outcome.protected_share > TOO_MUCH:
        screen.wrap(
            f"Processes with -1000 hold {kb(outcome.protected_kb)}, {units.percent(outcome.protected_share)} of all:"
            " the kernel can only take from the rest, watchdogs and loggers among them, and panics at the end.",
            "",
            "",
            "bad",
        )
    if outcome.kills:
        screen.heading("WHO WOULD HAVE BEEN KILLED, ONE AFTER ANOTHER, UNTIL ENOUGH IS FREE")
        screen.line(" #      pid name              points   adj  frees at most     in all", "dim")
        size = found.choice.page_kb
        for number, kill in enumerate(outcome.kills[:KILLS_SHOWN], 1):
            name = screen.fit(screen.text(kill.name), 15)
            points = "–" if kill.points is None else kill.points
            frees, freed = kb(kill.frees_pages * size), kb(kill.freed_pages * size)
            screen.line(f" {number:<3} {kill.pid:>6} {name} {points:>8} {kill.adj:>5} {frees:>14} {freed:>10}")
        if len(outcome.kills) > KILLS_SHOWN:
            screen.line(f"        … and {len(outcome.kills) - KILLS_SHOWN} more", "dim")
    if caveats_of is not None:
        screen.line(f"What this can't say: as for event {caveats_of}.", "dim")
        return
    screen.heading("WHAT THIS CAN'T SAY")
    for caveat in outcome.caveats:
        screen.wrap(f"{caveat}", "  ", "    ")


def overcommit(screen: Screen, boot: int, answer: Answer, at: str, ratio: str) -> None:
    """vm.overcommit_memory=2 over the recorded course of Committed_AS."""
    most = kb(answer.most.committed_kb) if answer.most else units.UNKNOWN
    if answer.refuses:
        said = f"Yes, it would have refused: at {at} {most} and more were promised"
        if answer.first is not None:
            promised = kb(answer.first.committed_kb)
            said = f"Yes: from {at} on {promised} were promised, and {kb(answer.allowed_kb)} are allowed"
        screen.wrap(f"{said}. Programs would have got ENOMEM, vital ones as well as others.", "", "", "bad")
    else:
        room = kb(answer.room_kb)
        screen.wrap(
            f"No: at most {most} were promised, and {kb(answer.allowed_kb)} are allowed ({room} left).", "", "", "good"
        )
    screen.line()
    screen.line(f"Boot {boot}: vm.overcommit_memory=2, {ratio}: CommitLimit {kb(answer.limit_kb)}")
    screen.line(f"  highest Committed_AS {most}; over it in {answer.over} of {units.count(answer.samples, 'sample')}")
    screen.line("  whom it would have refused first: lastgasp advise tells who most likely asked", "dim")
    screen.heading("WHAT THIS CAN'T SAY")
    for caveat in answer.caveats:
        screen.wrap(f"{caveat}", "  ", "    ")
