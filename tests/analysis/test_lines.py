"""Cutting a curve into straight pieces: the quick way finds what trying every way to cut finds.

Curves are made at random from a seed that a failure prints; LASTGASP_LONG=1 makes ten times as many.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from math import log
from statistics import linear_regression

import pytest

from lastgasp.analysis.shape import lines

KB = 1024
SEEDS = range(600 if os.environ.get("LASTGASP_LONG") else 60)


def curve(seed: int) -> list[int]:
    """Up to 24 levels in whole pages: stretches of growth and rest, leaps, noise; at times flat altogether."""
    rng = random.Random(seed)
    level, grows, found = rng.randrange(50_000), 0, []
    noise = rng.choice([0, 1, 30])
    for _ in range(rng.randint(1, 24)):
        if rng.random() < 0.2:
            grows = rng.choice([0, 0, rng.randint(-400, 400)])
            level += rng.choice([0, 0, 0, rng.randint(-4000, 4000)])
        level += grows
        found.append(max(level + round(rng.gauss(0, noise)), 0) * 4 * KB)
    return found


def ways(n: int, least: int, most: int) -> Iterator[list[int]]:
    """Every way to cut so many values: where pieces begin and end, the fewest pieces first."""
    for cuts in range(most):
        for inner in combinations(range(least, n - least + 1), cuts):
            ends = [0, *inner, n]
            if not cuts or all(later - earlier >= least for earlier, later in pairwise(ends)):
                yield ends


def squares(values: Sequence[float]) -> float:
    """About the best line, straight from its definition."""
    if len(values) < 2:
        return 0.0
    line = linear_regression(range(len(values)), values)
    return sum((value - line.intercept - line.slope * x) ** 2 for x, value in enumerate(values))


def cost(values: Sequence[float], ends: Sequence[int]) -> float:
    """What the split minimises."""
    noise = max(lines.roughness(values), lines.NOISE_LEAST * (max(values) - min(values)), 1.0)
    price = lines.PENALTY * noise**2 * log(max(len(values), 3))
    return sum(squares(values[start:end]) for start, end in pairwise(ends)) + price * (len(ends) - 2)


@pytest.mark.parametrize(("least", "most"), [(5, 4), (3, 4), (2, 3), (5, 1)])
def test_no_other_way_to_cut_is_cheaper(least: int, most: int) -> None:
    pieces_seen = set()
    for seed in SEEDS:
        values = curve(seed)
        pieces = lines.split(values, least, most)
        found = [0, *(piece.end for piece in pieces)]
        best = min(ways(len(values), least, most), key=lambda ends: cost(values, ends))
        allowed = cost(values, best) * (1 + 1e-9) + 1  # running sums of squares of megabytes are exact to that
        assert cost(values, found) <= allowed, f"seed {seed}: {found}, best {best}"
        assert found in ways(len(values), least, most), f"seed {seed}: {found}"
        pieces_seen.add(len(pieces))
    assert pieces_seen == set(range(1, most + 1))


def test_pieces_follow_one_another_and_carry_the_best_line_through_their_values() -> None:
    for seed in SEEDS:
        values = curve(seed)
        pieces = lines.split(values, 4, 4)
        assert [piece.start for piece in pieces] == [0, *(piece.end for piece in pieces[:-1])], f"seed {seed}"
        for piece in pieces:
            own = values[piece.start : piece.end]
            line = linear_regression(range(len(own)), own) if len(own) > 1 else None
            first, last = (line.intercept, line.intercept + line.slope * (len(own) - 1)) if line else (own[0], own[0])
            assert piece.first == pytest.approx(first, abs=1), f"seed {seed}"
            assert piece.last == pytest.approx(last, abs=1), f"seed {seed}"


def test_of_equally_good_ways_it_is_the_one_with_the_fewest_pieces() -> None:
    assert len(lines.split([7 * KB] * 40, 5, 4)) == 1
    assert len(lines.split([n * KB for n in range(40)], 5, 4)) == 1
