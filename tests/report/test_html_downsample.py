"""Down-sampling keeps what matters: every extreme, real values at their own times, gaps."""

from __future__ import annotations

import random

from lastgasp.report.html.axis import axis_of
from lastgasp.report.html.downsample import keep
from lastgasp.report.html.frame import Frame, differences
from lastgasp.timeline.model import Boot, Gap, Recording


def summed(values: list[int | None]) -> list[int | None]:
    """The inverse of ``differences``, as the page's script does it."""
    found: list[int | None] = []
    before = 0
    for value in values:
        before += value or 0
        found.append(None if value is None else before)
    return found


def test_few_points_are_all_kept() -> None:
    assert keep([[3, 1, 2]], [(0, 3)], 10) == [0, 1, 2]


def test_a_spike_of_one_sample_in_a_day_is_kept() -> None:
    values: list[int | None] = [1000] * 86_400
    values[43_210] = 9_999
    values[50_000] = 1
    kept = keep([values], [(0, len(values))], 500)
    assert len(kept) <= 500
    assert {0, 43_210, 50_000, 86_399} <= set(kept)


def test_the_lowest_and_highest_of_every_run_and_column_are_kept() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(30):
        size = rng.randrange(2, 3000)
        columns: list[list[int | None]] = [
            [rng.randrange(1000) if rng.random() < 0.9 else None for _ in range(size)]
            for _ in range(rng.randrange(1, 5))
        ]
        cut = rng.randrange(size + 1)
        pieces = [piece for piece in ((0, cut), (cut, size)) if piece[0] < piece[1]]
        most = rng.randrange(40, 400)
        kept = keep(columns, pieces, most)
        assert kept == sorted(set(kept))
        assert len(kept) <= max(most, 2 * len(pieces) + 2 * len(columns) * len(pieces))
        for column in columns:
            known = [value for value in column if value is not None]
            seen = [column[i] for i in kept if column[i] is not None]
            assert not known or (min(known), max(known)) == (
                min(v for v in seen if v is not None),
                max(v for v in seen if v is not None),
            )
        for begin, end in pieces:
            assert begin in kept and end - 1 in kept


def test_differences_lose_nothing() -> None:
    values = [None, 5, 5, None, None, 3, -2, 1 << 40, None]
    assert summed(differences(values)) == values


def test_a_gap_is_a_gap_and_boots_stand_side_by_side() -> None:
    first, second = Boot(b"1"), Boot(b"2")
    first.first_ms, first.last_ms, first.sample_at = 1_000, 11_000, [1_000, 11_000]  # type: ignore[assignment]
    second.first_ms, second.last_ms, second.sample_at = 500, 10_500, [500, 10_500]  # type: ignore[assignment]
    first.gaps = [Gap(3_000, 6_000, 2)]
    axis = axis_of(Recording("x", 1, [first, second]))
    assert axis.begins[0] == 0
    assert 10_000 < axis.begins[1] < 11_000
    frame = Frame()
    frame.add(axis, 0, [1_000, 2_000, 6_000], {"a": [1, 2, 3]})
    frame.add(axis, 1, [500], {"b": [7]}, 900)
    assert frame.times == [0, 1_000, 5_000, axis.begins[1]]
    assert frame.columns == {"a": [1, 2, 3, None], "b": [None, None, None, 7]}
    assert frame.pieces == [(0, 2, 2_000), (2, 3, 10_000), (3, 4, axis.begins[1] + 400)]
    small = frame.encoded(99)
    assert small["p"] == [[0, 2, 2_000], [2, 3, 10_000], [3, 4, axis.begins[1] + 400]]
