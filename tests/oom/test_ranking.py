"""What each would have needed, against trying every value one by one; seeded, so that each run is the same."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lastgasp.oom.badness import ADJ_MAX, ADJ_MIN, ERAS, Era, Usage
from lastgasp.oom.ranking import Process, away_pages, first, needs, needs_of, rank


def population(dice: random.Random, most: int = 4) -> list[Process]:
    def one(pid: int) -> Process:
        adj = dice.choice([0, 0, 0, ADJ_MIN, -999, 100, -50, dice.randrange(ADJ_MIN, ADJ_MAX + 1)])
        rss = dice.randrange(60) * dice.choice([1, 5])
        return Process(pid, b"p", Usage(rss, dice.randrange(3), dice.randrange(4), adj, dice.random() < 0.3))

    return [one(pid) for pid in range(2, 2 + dice.randrange(1, most + 1))]


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_needs_are_what_trying_every_value_finds(era: Era) -> None:
    dice = random.Random(f"needs {era.name}")
    for total in [999, 1_000, 28_000] * 4:
        processes = population(dice)
        ranked = rank(processes, era, total)
        winner = first(ranked)
        for process in processes:
            found = needs(ranked, process.pid, era, total)
            assert found is not None
            assert found.chosen == (winner is not None and winner.pid == process.pid)
            assert found.adj == tried(processes, process, era, total, found.chosen, with_adj(process, found.chosen))
            if process.usage.adj != ADJ_MIN and total < 28_000:
                assert found.pages == tried(
                    processes, process, era, total, found.chosen, with_rss(process, found.chosen)
                )


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_each_is_held_against_the_strongest_of_all_the_others(era: Era) -> None:
    for seed in range(40):
        dice = random.Random(f"{seed} {era.name}")
        total = dice.choice([999, 28_000])
        processes = population(dice, dice.choice([1, 2, 3, 40]))
        processes = [replace(one, passed_over=dice.random() < 0.2) for one in processes]
        ranked = rank(processes, era, total)
        for entry in ranked:
            found = needs_of(entry, ranked, era, total)
            assert found == needs(ranked, entry.pid, era, total), f"seed {seed}"
            assert (found is None) == entry.process.passed_over, f"seed {seed}"
            if found is None:
                assert away_pages(ranked, entry.pid, era, total) is None, f"seed {seed}"
                continue
            assert found.other == rival(processes, entry.pid, era, total), f"seed {seed}"
            pair = [one for one in processes if one.pid in (entry.pid, found.other)]
            assert found == needs(rank(pair, era, total), entry.pid, era, total), f"seed {seed}"


def rival(processes: list[Process], pid: int, era: Era, total: int) -> int | None:
    """Who is killed where this one is not there."""
    winner = first(rank([one for one in processes if one.pid != pid], era, total))
    return winner.pid if winner is not None else None


Values = list[tuple[int, Usage]]


def with_adj(process: Process, chosen: bool) -> Values:
    step, end = (-1, ADJ_MIN - 1) if chosen else (1, ADJ_MAX + 1)
    return [(adj, replace(process.usage, adj=adj)) for adj in range(process.usage.adj, end, step)]


def with_rss(process: Process, chosen: bool) -> Values:
    usage = process.usage
    if chosen:
        return [(less, replace(usage, rss=usage.rss - less)) for less in range(usage.rss + 1)]
    return [(more, replace(usage, rss=usage.rss + more)) for more in range(2_100)]


def tried(processes: list[Process], process: Process, era: Era, total: int, chosen: bool, values: Values) -> int | None:
    """The first value with which the answer is another."""

    def wins(usage: Usage) -> bool:
        others = [replace(one, usage=usage) if one is process else one for one in processes]
        winner = first(rank(others, era, total))
        return winner is not None and winner.pid == process.pid

    return next((value for value, usage in values if wins(usage) != chosen), None)
