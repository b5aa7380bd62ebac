"""The change point: where a curve that was flat begins to climb."""

from __future__ import annotations

import random

from lastgasp.analysis.onset import onset
from lastgasp.analysis.shape.trend import CELLS, judge
from lastgasp.analysis.shape.verdict import Shape

DAY_S = 86_400
MB = 1 << 20


def test_the_beginning_of_a_leak_is_known_better_than_by_a_trend_of_a_day() -> None:
    known = 0
    for seed in range(24):
        chance = random.Random(seed)
        began_s = chance.uniform(0.15, 0.7) * DAY_S
        per_s = chance.choice([40, 200, 900])
        noise = chance.choice([0, 8, 32]) * 4096
        times, values = [], []
        for second in range(0, DAY_S, 20):
            size = 10 * MB + max(second - began_s, 0) * per_s + chance.uniform(0, noise)
            times.append(second * 1000)
            values.append(int(size) // 4096 * 4096)
        verdict = judge(times, values, DAY_S * 1000, DAY_S // 5)
        assert verdict.shape is Shape.LEAK
        found = onset(times, values, verdict.since_ms, verdict.until_ms, CELLS)
        print(f"seed {seed}: began {began_s:.0f} s, trend {verdict.since_ms / 1000:.0f} s, {found}")
        if found is None:
            assert per_s == 40 and noise  # it drowns
            continue
        known += 1
        assert abs(found.at_ms / 1000 - began_s) <= DAY_S / CELLS / 2
        assert found.low_ms / 1000 - 500 <= began_s <= found.high_ms / 1000 + 500
    assert known >= 20


def test_growth_from_the_first_value_on_has_no_change_point() -> None:
    times = list(range(0, 3_600_000, 5000))
    values = [MB + 20 * at for at in times]
    assert onset(times, values, 0, 3_600_000, CELLS) is None


def test_a_straight_line_has_no_change_point() -> None:
    times = list(range(0, 3_600_000, 5000))
    values = [MB + 20 * at for at in times]
    assert onset(times, values, 1_800_000, 3_600_000, CELLS) is None


def test_too_few_values_have_none() -> None:
    assert onset([0, 10, 20], [1, 1, 5], 10, 30, CELLS) is None
