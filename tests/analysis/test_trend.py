"""Every shape that a curve of memory can have gets its own name, at every length of recording.

Curves are made at random from a seed that a failure prints; LASTGASP_LONG=1 makes ten times as many.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable
from functools import partial

import pytest

from lastgasp.analysis.shape import lines
from lastgasp.analysis.shape.trend import CELLS, Confidence, Shape, Verdict, judge

KB, MB = 1 << 10, 1 << 20
SEEDS = range(400 if os.environ.get("LASTGASP_LONG") else 24)
# seconds recorded, seconds between samples: from a short demo to days
LENGTHS = [(40, 0.5), (60, 1), (60, 0.5), (3600, 5), (3 * 86400, 60)]

Curve = Callable[[float], float]  # 0 .. 1 of the time -> bytes


def recorded(curve: Curve, seconds: float, interval_s: float, noise: Callable[[], float] = lambda: 0.0) -> Verdict:
    """The verdict on a curve that is sampled in whole pages and written only when it changed."""
    times: list[int] = []
    values: list[int] = []
    samples = int(seconds / interval_s)
    for n in range(samples):
        value = max(int(curve(n / samples) + noise()), 0) // 4096 * 4096
        if not values or values[-1] != value:
            times.append(int(n * interval_s * 1000))
            values.append(value)
    return judge(times, values, int((samples - 1) * interval_s * 1000), samples)


def shapes_of(
    make: Callable[[random.Random, float], Curve], length: tuple[float, float], noisy: bool
) -> dict[int, Verdict]:
    """The verdicts on one kind of curve, by seed."""
    found = {}
    for seed in SEEDS:
        rng = random.Random(seed)
        size = rng.choice([0.5, 2, 8, 30]) * MB
        base = rng.uniform(1, 40) * MB
        curve = make(rng, size)
        sigma = rng.choice([0, 0.005, 0.02]) * size if noisy else 0
        found[seed] = recorded(_lifted(curve, base), *length, partial(rng.gauss, 0.0, sigma))
    return found


def _lifted(curve: Curve, base: float) -> Curve:
    return lambda x: base + curve(x)


def expect(found: dict[int, Verdict], allowed: tuple[Shape, ...], right: float = 1.0) -> None:
    """At least this share must be right; a failure names the seeds that were not."""
    wrong = {seed: str(verdict.shape) for seed, verdict in found.items() if verdict.shape not in allowed}
    assert len(wrong) <= len(found) * (1 - right), f"seeds that went wrong: {wrong}"


def ramp(rng: random.Random, size: float) -> Curve:
    return lambda x: size * x


def late(rng: random.Random, size: float) -> Curve:
    start = rng.uniform(0.2, 0.6)
    return lambda x: size * max(0.0, x - start)


def warm_up_then_leak(rng: random.Random, size: float) -> Curve:
    first, until = rng.uniform(0.5, 3) * size, rng.uniform(0.03, 0.15)
    return lambda x: first * min(1.0, x / until) + size * x


def spike_then_leak(rng: random.Random, size: float) -> Curve:
    return lambda x: size * x + (2 * size if 0.01 < x < 0.04 else 0)


def stairs(rng: random.Random, size: float) -> Curve:
    count = rng.randint(6, 15)
    return lambda x: size * int(x * count) / count


def sawtooth_on_a_leak(rng: random.Random, size: float) -> Curve:
    period, height = rng.uniform(1 / 16, 1 / 8), rng.uniform(0.3, 1.5) * size
    return lambda x: size * x + height * (x % period) / period


def sawtooth(rng: random.Random, size: float) -> Curve:
    period, phase = rng.uniform(1 / 16, 1 / 3.2), rng.random()
    return lambda x: size * ((x + phase * period) % period) / period


def cache(rng: random.Random, size: float) -> Curve:
    until = rng.uniform(0.3, 0.75)
    return lambda x: size * min(1.0, x / until)


def warm_up(rng: random.Random, size: float) -> Curve:
    until = rng.uniform(0.02, 0.15)
    return lambda x: size * min(1.0, x / until)


def settling(rng: random.Random, size: float) -> Curve:
    pace = rng.uniform(0.02, 0.15)
    return lambda x: size * (1 - math.exp(-x / pace))


def step(rng: random.Random, size: float) -> Curve:
    at = rng.uniform(0.25, 0.8)
    return lambda x: size if x > at else 0.0


def heap(rng: random.Random, size: float) -> Curve:
    """64 places filled and emptied at random: holes are hardly ever given back, the top rises ever more rarely."""
    steps = rng.choice([300, 1000, 3000])
    places: dict[int, tuple[int, int]] = {}
    tops = [0]
    for _ in range(steps):
        place = rng.randrange(64)
        if places.pop(place, None) is None:
            length, at = rng.randint(1, 16), 0
            for begin, end in sorted(places.values()):
                if begin - at >= length:
                    break
                at = end
            places[place] = at, at + length
        top = max(end for _, end in [*places.values(), (0, 0)])
        trimmed = tops[-1] - top >= 32 and rng.random() > 0.9
        tops.append(top if trimmed else max(top, tops[-1]))
    return lambda x: size * tops[int(x * steps)] / max(tops)


def shrinking(rng: random.Random, size: float) -> Curve:
    until = rng.uniform(0.3, 1)
    return lambda x: 2 * size * (1 - min(1.0, x / until))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("make", [ramp, late, warm_up_then_leak, spike_then_leak])
def test_growth_that_goes_on_is_a_leak(
    make: Callable[[random.Random, float], Curve], length: tuple[float, float]
) -> None:
    expect(shapes_of(make, length, noisy=True), (Shape.LEAK,))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("make", [stairs, sawtooth_on_a_leak])
def test_a_leak_is_found_below_teeth_and_in_steps(
    make: Callable[[random.Random, float], Curve], length: tuple[float, float]
) -> None:
    expect(shapes_of(make, length, noisy=False), (Shape.LEAK,), 0.9)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("make", "allowed"),
    [
        (sawtooth, (Shape.SAWTOOTH, Shape.STEADY)),
        (cache, (Shape.FILLED,)),
        (warm_up, (Shape.WARM_UP,)),
        (settling, (Shape.WARM_UP, Shape.FILLED)),
        (step, (Shape.STEP,)),
        (shrinking, (Shape.SHRINKING,)),
    ],
)
def test_what_only_looks_like_a_leak_has_another_name(
    make: Callable[[random.Random, float], Curve], allowed: tuple[Shape, ...], length: tuple[float, float]
) -> None:
    expect(shapes_of(make, length, noisy=True), allowed, 0.95)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("make", [sawtooth, cache, warm_up, settling, step, shrinking, heap])
def test_hardly_anybody_innocent_is_accused(
    make: Callable[[random.Random, float], Curve], length: tuple[float, float]
) -> None:
    found = shapes_of(make, length, noisy=True)
    accused = {
        seed: verdict
        for seed, verdict in found.items()
        if verdict.shape is Shape.LEAK and verdict.confidence is not Confidence.LOW
    }
    assert len(accused) <= len(found) * 0.025, accused


@pytest.mark.parametrize("length", LENGTHS)
def test_noise_about_a_level_is_no_leak(length: tuple[float, float]) -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        verdict = recorded(lambda _: 20 * MB, *length, partial(rng.gauss, 0.0, 2 * MB))
        assert verdict.shape is not Shape.LEAK or verdict.confidence is Confidence.LOW, f"seed {seed}: {verdict}"


def test_what_never_changes_is_steady() -> None:
    assert judge([0], [5 * MB], 60_000, 60).shape is Shape.STEADY


def test_a_few_pages_more_are_steady() -> None:
    assert recorded(lambda x: 5 * MB + 60 * KB * x, 600, 1).shape is Shape.STEADY


def test_three_samples_are_too_few_to_tell() -> None:
    assert judge([0, 1000, 2000], [0, 5 * MB, 9 * MB], 2000, 3).shape is Shape.TOO_SHORT


def test_many_samples_within_a_moment_are_too_short_to_tell() -> None:
    assert recorded(lambda x: 9 * MB * x, 3, 0.1).shape is Shape.TOO_SHORT


def test_growth_of_a_few_seconds_is_a_suspicion_at_most() -> None:
    """Programs that start grow for a while."""
    verdict = recorded(lambda x: 9 * MB * x, 8, 0.5)
    assert (verdict.shape, verdict.confidence) == (Shape.LEAK, Confidence.LOW)


def test_the_rate_of_a_leak_is_what_it_loses_in_a_second() -> None:
    verdict = recorded(lambda x: 3 * MB + 6 * MB * x, 60, 1)
    assert verdict.per_s == pytest.approx(6 * MB / 60, rel=0.03)
    assert verdict.confidence is Confidence.HIGH


def test_the_rate_is_that_of_the_floor_and_not_of_the_teeth() -> None:
    verdict = recorded(lambda x: 4 * MB * x + 8 * MB * ((x * 20) % 1), 3600, 5)
    assert verdict.shape is Shape.LEAK
    assert verdict.per_s == pytest.approx(4 * MB / 3600, rel=0.1)


def test_a_leak_tells_since_when() -> None:
    verdict = recorded(lambda x: 5 * MB + 40 * MB * max(0.0, x - 0.5), 3600, 5)
    assert verdict.shape is Shape.LEAK
    assert verdict.since_ms == pytest.approx(1_800_000, abs=120_000)
    assert verdict.per_s == pytest.approx(40 * MB / 3600, rel=0.1)


def test_a_warm_up_is_not_counted_to_the_leak_behind_it() -> None:
    verdict = recorded(lambda x: 30 * MB * min(1, x / 0.05) + 2 * MB * x, 3600, 5)
    assert verdict.shape is Shape.LEAK
    assert verdict.grown < 3 * MB
    assert verdict.since_ms > 60_000


def test_a_cache_tells_when_it_was_full() -> None:
    verdict = recorded(lambda x: 14 * MB * min(1, x / 0.4), 60, 0.5)
    assert verdict.shape is Shape.FILLED
    assert verdict.until_ms == pytest.approx(24_000, abs=3_000)
    assert verdict.grown == pytest.approx(14 * MB, rel=0.1)


def test_a_sawtooth_of_three_teeth_is_not_accused() -> None:
    verdict = recorded(lambda x: 4 * MB + 9 * MB * ((x * 3.3) % 1), 86400, 60)
    assert verdict.shape is Shape.SAWTOOTH


def test_the_second_tooth_of_two_is_not_accused() -> None:
    verdict = recorded(lambda x: 4 * MB + 9 * MB * ((x * 2) % 1), 60, 1)
    assert verdict.shape is Shape.SAWTOOTH


def test_sampling_that_beats_with_a_sawtooth_makes_no_leak() -> None:
    """4.05 samples a tooth: the troughs that are seen climb slowly, although none is there."""
    verdict = recorded(lambda x: 4 * MB + 30 * MB * ((x * 60 / 4.05) % 1), 60, 1)
    assert verdict.shape is not Shape.LEAK or verdict.confidence is Confidence.LOW


def test_a_leak_that_pauses_for_a_moment_at_the_end_is_still_one() -> None:
    verdict = recorded(lambda x: 20 * MB * min(x, 0.93), 3600, 5)
    assert verdict.shape is Shape.LEAK


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("until", [0.84, 0.86, 0.88])
def test_growth_that_stands_still_at_the_end_is_a_suspicion_at_most(until: float, length: tuple[float, float]) -> None:
    """It may be a cache that has just become full."""
    found = shapes_of(lambda _, size: lambda x: size * min(1.0, x / until), length, noisy=True)
    certain = {seed: v for seed, v in found.items() if v.shape is Shape.LEAK and v.confidence is not Confidence.LOW}
    assert len(certain) <= len(found) * 0.05, certain


INTERPRETER = "0:11640 200:11652 400:11672 2900:11676 11400:11680 15900:11692 18400:11696 19400:11700 22300:11704" + (
    " 26900:11708 27400:11724 33900:11728 34400:11736 38400:11756 39400:11764 40400:11768"
)
SCREEN = (
    "0:3820 2900:3844 3900:3848 5900:3852 7900:3856 8900:3860 15900:3864 16900:3868 17900:3872 19900:3880 20900:3884"
)


@pytest.mark.parametrize(("points", "until_ms", "samples"), [(INTERPRETER, 59_490, 121), (SCREEN, 25_496, 57)])
def test_a_hundredth_more_in_a_minute_is_a_suspicion_at_most(points: str, until_ms: int, samples: int) -> None:
    """Recorded of programs that do the same all the time (ms:kB)."""
    pairs = [point.split(":") for point in points.split()]
    verdict = judge([int(ms) for ms, _ in pairs], [int(kb) * KB for _, kb in pairs], until_ms, samples)
    assert verdict.shape is not Shape.LEAK or verdict.confidence is Confidence.LOW, verdict


def test_an_allocator_that_creeps_on_behind_a_fill_is_a_suspicion_at_most() -> None:
    """As redis at its maxmemory: full after seven minutes, and 1.3 % more half an hour later, evenly."""
    for minutes in (15, 20, 30, 38):
        full = 400 / (minutes * 60)
        curve = _lifted(lambda x, at=full: 16 * MB * min(1, x / at) + 240 * KB * max(0.0, x - at), 3 * MB)  # type: ignore[misc]
        assert not recorded(curve, minutes * 60, 1).claims, minutes


def test_a_few_pages_in_half_an_hour_are_a_suspicion_at_most() -> None:
    """As the agent itself once: 72 kB more in 37 minutes."""
    assert not recorded(lambda x: 4 * MB + 80 * KB * x, 37 * 60, 1).claims


def test_a_hundredth_an_hour_is_a_leak_when_it_went_on_for_hours() -> None:
    verdict = recorded(lambda x: 20 * MB + 4 * 200 * KB * x, 4 * 3600, 5)
    assert (verdict.shape, verdict.claims) == (Shape.LEAK, True)


def test_buffers_lost_now_and_then_are_a_leak_however_unevenly() -> None:
    """Four landings of unlike length, all about as long as the one at the end; a start that is over is none."""
    verdict = recorded(lambda x: 9 * MB + MB * sum(x >= at for at in (0.14, 0.4, 0.52, 0.8)), 4 * 3600, 5)
    assert (verdict.shape, verdict.claims) == (Shape.LEAK, True)
    verdict = recorded(lambda x: 9 * MB + MB * sum(x >= at for at in (0.01, 0.04, 0.1, 0.2)), 4 * 3600, 5)
    assert not verdict.claims


def test_what_only_grows_back_to_where_it_was_is_a_suspicion_at_most() -> None:
    verdict = recorded(lambda x: 9 * MB - 6 * MB * min(1, x / 0.5) + 8 * MB * max(0, x - 0.6), 60, 0.5)
    assert verdict.shape is not Shape.LEAK or verdict.confidence is Confidence.LOW, verdict


def test_whatever_memory_does_there_is_a_verdict_within_the_time() -> None:
    """Walks, leaps, spikes and stretches of silence at random."""
    for seed in range(len(SEEDS) * 40):
        rng = random.Random(seed)
        times, values = [0], [rng.randrange(50 * MB)]
        for _ in range(rng.randrange(400)):
            times.append(times[-1] + rng.choice([1, 500, 1000, 60_000]))
            values.append(
                max(0, values[-1] + round(rng.choice([0, rng.gauss(0, MB), rng.expovariate(1 / MB), -values[-1]])))
            )
        until = times[-1] + rng.choice([0, 1000, 3_600_000])
        verdict = judge(times, values, until, rng.randrange(500))
        assert 0 <= verdict.since_ms <= verdict.until_ms <= until, f"seed {seed}"


def test_days_of_samples_are_judged_by_a_few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes longer than in proportion to the samples is done with cells only."""
    lengths: list[int] = []

    def counted(original: Callable[..., object], values: list[int], *more: float) -> object:
        lengths.append(len(values))
        return original(values, *more)

    for name in ("split", "slope", "agreement", "scatter"):
        monkeypatch.setattr(lines, name, partial(counted, getattr(lines, name)))
    rng = random.Random(5)
    times = list(range(0, 50_000 * 5000, 5000))
    values = [20 * MB + int(rng.gauss(0, MB)) + n * 100 for n in range(50_000)]
    assert judge(times, values, times[-1], len(times)).shape is Shape.LEAK
    assert lengths
    assert max(lengths) <= CELLS


@pytest.mark.parametrize("seed", range(60))
def test_what_never_falls_never_gave_back(seed: int) -> None:
    """However late it rises, in however many steps."""
    chance = random.Random(seed)
    count = chance.choice([120, 480, 1500])
    begin = count - max(2, int(count * chance.uniform(0.002, 0.2)))
    values, size = [], chance.randint(1 << 19, 40 << 20)
    for number in range(count):
        size += chance.randint(0, 5_000_000) if number >= begin and chance.random() < 0.8 else 0
        values.append(size)
    verdict = judge([5_000 * n for n in range(count)], values, 5_000 * (count - 1), count, 262_144)
    assert verdict.shape not in (Shape.SAWTOOTH, Shape.SHRINKING), seed
    if values[-1] > 2 * values[0] + (4 << 20):
        assert verdict.shape is not Shape.STEADY, seed
