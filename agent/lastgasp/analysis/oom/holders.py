"""Who held how much at a kill: processes, and processes of one name, by the table of the report or by its victim."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.oom.memory import Memory, Part
from lastgasp.oom.choice import Choice
from lastgasp.oom.ranking import Ranked
from lastgasp.oom.report import Report

DOMINATES = 0.5  # of what all processes hold
COVERED = 0.8  # of what processes hold: a table that lists so much is good enough, though it is cut


@dataclass(frozen=True, slots=True)
class Holder:
    """Processes of one name and what they hold, swap and page tables included."""

    name: bytes
    pids: tuple[int, ...]
    kb: int
    share: float  # of what all listed processes hold
    protected: bool  # none of them may be killed


def held_kb(entry: Ranked, page_kb: int) -> int:
    """What a process holds, in RAM and in swap."""
    usage = entry.process.usage
    return (usage.rss + usage.swap + usage.page_tables) * page_kb


def _own(choice: Choice) -> list[Ranked]:
    """All with memory of their own: what a child between vfork and exec shows is its parent's."""
    return [entry for entry in choice.ranking if entry.pid == 1 or not entry.process.passed_over]


def holders(choice: Choice) -> list[Holder]:
    """Each process by itself, as listed; its share is not told."""
    size = choice.page_kb
    return [
        Holder(entry.process.name, (entry.pid,), held_kb(entry, size), 0.0, entry.points is None)
        for entry in _own(choice)
    ]


def by_program(choice: Choice, total: int) -> list[Holder]:
    """The largest first; those of one name together, as a server and its workers are."""
    groups: dict[bytes, list[Ranked]] = {}
    for entry in _own(choice):
        groups.setdefault(entry.process.name, []).append(entry)
    found = []
    for name, entries in groups.items():
        kb = sum(held_kb(entry, choice.page_kb) for entry in entries)
        pids = tuple(entry.pid for entry in entries)
        found.append(Holder(name, pids, kb, kb / total if total else 0.0, all(e.points is None for e in entries)))
    return sorted(found, key=lambda one: -one.kb)


def from_victim(choice: Choice, where: Memory | None, victim_kb: int | None) -> Holder | None:
    """Without a table: the victim, where it alone held most of what processes held."""
    if choice.victim is None or where is None or not victim_kb:
        return None
    share = victim_kb / max(where.parts[Part.ANON], victim_kb)
    if share < DOMINATES:
        return None
    return Holder(choice.victim.name, (choice.victim.pid,), victim_kb, share, False)


def covered(report: Report, where: Memory | None, listed_kb: int) -> bool:
    """Whether the processes of a cut table hold most of what all do, as far as the rest of the report tells."""
    whole_kb = where.parts[Part.ANON] if where is not None else None
    if report.memcg is not None:
        whole_kb = report.memcg.usage_kb
    return whole_kb is not None and listed_kb >= COVERED * whole_kb
