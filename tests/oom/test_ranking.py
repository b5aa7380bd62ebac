"""What each would have needed, against trying every value one by one; seeded, so that each run is the same."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lastgasp.oom.badness import ADJ_MAX, ADJ_MIN, ERAS, Era, Usage
from lastgasp.oom.ranking import Process, first, needs, rank


def population(dice: random.Random) -> list[Process]:
    def one(pid: int) -> Process:
        adj = dice.choice([0, 0, 0, ADJ_MIN, -999, 100, -50, dice.randrange(ADJ_MIN, ADJ_MAX + 1)])
        rss = dice.randrange(60) * dice.choice([1, 5])
        return Process(pid, b"p", Usage(rss, dice.randrange(3), dice.randrange(4), adj, dice.random() < 0.3))

    return [one(pid) for pid in range(2, 2 + dice.randrange(1, 5))]


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
