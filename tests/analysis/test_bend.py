"""What grows ever faster is carried on as such; noise, stairs and a leak that began late are not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.real import kills, labels
from lastgasp.analysis.bend import Fit, quickening
from lastgasp.analysis.forecast import forecast
from lastgasp.timeline.load import load

OOM = Path(__file__).parents[1] / "recordings" / "oom"
CELLS = 60
SEEDS = range(40)


def noisy(seed: int, sigma: float, values: list[float]) -> list[float]:
    chance = random.Random(seed)
    return [value + chance.gauss(0, sigma) for value in values]


def test_a_column_takes_what_it_explains_and_has_its_coefficient() -> None:
    at = [i / 9 for i in range(10)]
    line = Fit(at, [5 + 2 * t + 3 * t * t for t in at])
    left, coefficient = line.adding([t * t for t in at])
    assert line.squares > 0.1
    assert left == pytest.approx(0, abs=1e-9)
    assert coefficient == pytest.approx(3)
    assert line.adding(at) == (line.squares, 0.0)  # it is in there already


@pytest.mark.parametrize("seed", SEEDS)
def test_growth_that_becomes_faster_is_measured_at_its_end(seed: int) -> None:
    cells = noisy(seed, 40, [100 * i + 5 * i * i for i in range(CELLS)])
    found = quickening(cells)
    assert found is not None
    slope, gain = found
    assert slope == pytest.approx(100 + 10 * (CELLS - 1), rel=0.05)
    assert gain == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "curve",
    [
        pytest.param([100.0 * i for i in range(CELLS)], id="a line"),
        pytest.param([100.0 * max(i - 40, 0) for i in range(CELLS)], id="begun late"),
        pytest.param([1_000.0 * (i // 10) for i in range(CELLS)], id="stairs"),
        pytest.param([6_000 * (1 - 0.95**i) for i in range(CELLS)], id="a warm-up"),
        pytest.param([100.0 * i + 2_000 * (i % 12) / 12 for i in range(CELLS)], id="teeth"),
        pytest.param([6_000.0 - 5 * i * i for i in range(CELLS)], id="ever faster down"),
    ],
)
def test_nothing_else_is_taken_for_it(seed: int, curve: list[float]) -> None:
    assert quickening(noisy(seed, 40, curve)) is None


def test_chance_alone_hardly_ever_looks_so() -> None:
    """A walk by chance is now and then a parabola, for a while."""
    taken = 0
    for seed in range(300):
        chance = random.Random(seed)
        level, cells = 0.0, []
        for _ in range(CELLS):
            level += max(chance.gauss(100, 150), 0)
            cells.append(level)
        taken += quickening(cells) is not None
    assert taken <= 3


def test_too_few_cells_tell_no_bend() -> None:
    assert quickening([float(i * i) for i in range(12)]) is None
    assert quickening([]) is None


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("share", [0.5, 0.6, 0.75])
def test_a_real_leak_that_becomes_faster_is_foretold(number: int, share: float) -> None:
    """Its first rate rises by 2 % a second; carried on as a line its end was foretold 63 to 77 % too late."""
    (recording,) = load(str(OOM / f"groups-{number}.ring.gz"))
    end = next(end for end in kills.ends(recording) if labels.label(end.group) == "faster")
    at_ms = round(end.begin_ms + share * (end.kill_ms - end.begin_ms))
    said = next(one for one in forecast(recording, at_ms) if one.group == end.group)
    assert said.in_ms == pytest.approx(end.kill_ms - at_ms, rel=kills.RIGHT)
    assert said.low_ms is not None and said.high_ms is not None
    assert said.low_ms < end.kill_ms - at_ms < said.high_ms
