"""What follows the workload is no leak, and what piles up with it is one: pure curves, and whole recordings."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lastgasp.analysis.growth import Life, growths
from lastgasp.analysis.shape.under_load import judge_under_load
from lastgasp.analysis.shape.verdict import Shape, Verdict
from scene import Scene

KB, MB = 1 << 10, 1 << 20
SEEDS = range(12)
SECONDS, STEP_S = 4 * 3600, 10

Rate = Callable[[float], float]  # requests a second, by 0 .. 1 of the time


def rising(rng: random.Random) -> Rate:
    """A morning: three to ten times as much at its end, unevenly."""
    factor, wave, phase = rng.uniform(3, 10), rng.uniform(0.1, 0.4), rng.random()
    return lambda x: 5 * (1 + (factor - 1) * x * x) * (1 + wave * math.sin(2 * math.pi * (5 * x + phase)))


def bursts(rng: random.Random) -> Rate:
    phase = rng.random()
    return lambda x: 30.0 if (x * 9 + phase) % 1 < 0.4 else 1.0


def judged(rng: random.Random, rate: Rate, held_s: float, held_kb: float, lost_kb: float) -> Verdict:
    """A server that holds so much for each request for a while, and loses so much at each."""
    times, values, asked_at, asked = [], [], [], []
    sessions = rate(0) * held_s
    total, leaked = 0, 0.0
    for n in range(SECONDS // STEP_S):
        requests = max(0, round(rng.gauss(rate(n * STEP_S / SECONDS) * STEP_S, math.sqrt(rate(0) * STEP_S))))
        total += requests
        leaked += requests * lost_kb
        sessions += requests - sessions * (1 - math.exp(-STEP_S / held_s))
        times.append(n * STEP_S * 1000)
        values.append(int(20 * MB + (sessions * held_kb + leaked) * KB) // 4096 * 4096)
        asked_at.append(times[-1])
        asked.append(total)
    return judge_under_load(times, values, times[-1], len(times), [(asked_at, asked)])


def seeds_with(make: Callable[[random.Random], Verdict], right: Callable[[Verdict], bool]) -> Iterator[int]:
    """Seeds whose verdict was wrong."""
    for seed in SEEDS:
        if not right(make(random.Random(seed))):
            yield seed


def test_sessions_under_a_load_that_rises_are_no_leak() -> None:
    wrong = seeds_with(lambda rng: judged(rng, rising(rng), 60, 20, 0), lambda verdict: not verdict.claims)
    assert list(wrong) == []


def test_they_are_said_to_follow_the_workload() -> None:
    verdict = judged(random.Random(1), rising(random.Random(1)), 60, 20, 0)
    assert verdict.shape is Shape.FOLLOWING


@pytest.mark.parametrize("load", [rising, bursts])
def test_what_is_lost_at_each_request_is_a_leak_however_the_load_goes(load: Callable[[random.Random], Rate]) -> None:
    wrong = seeds_with(lambda rng: judged(rng, load(rng), 60, 0, 0.05), lambda verdict: verdict.claims)
    assert list(wrong) == []


def test_a_leak_is_found_beneath_what_follows_the_load() -> None:
    """The bursts are twice as high as the leak in all."""
    wrong = list(seeds_with(lambda rng: judged(rng, bursts(rng), 60, 20, 0.1), lambda verdict: verdict.claims))
    assert len(wrong) <= 2, wrong


def test_work_that_has_nothing_to_do_with_it_excuses_nobody() -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        rate = rising(rng)
        times = list(range(0, SECONDS * 1000, STEP_S * 1000))
        values = [(20 * MB + n * 3 * KB) // 4096 * 4096 for n in range(len(times))]
        total = [0.0]
        for n in range(1, len(times)):
            total.append(total[-1] + rng.gauss(rate(n / len(times)) * STEP_S, 5))
        assert judge_under_load(times, values, times[-1], len(times), [(times, total)]).claims, f"seed {seed}"


# -- out of a recording --------------------------------------------------------------------------------


def device(path: Path, held_kb: float, lost_kb: float) -> Life:
    """Ten minutes of a server whose clients get more and more, in a recording of the interface that they come by."""
    rng = random.Random(3)
    scene = Scene(path, slots=256).boot()
    scene.interval_s = 2.0
    state = {"kb": 900.0, "lost": 0.0}
    scene.run(300, b"httpd", lambda _: state["kb"] + state["lost"])
    packets = 0
    for n in range(300):
        requests = max(0, round(rng.gauss(3 + n / 8 + 6 * math.sin(n / 20), 2)))
        packets += requests
        state["kb"] = 900 + 0.7 * (state["kb"] - 900) + requests * held_kb
        state["lost"] += requests * lost_kb
        scene.interfaces[b"eth0"] = (packets * 900, packets, 0, packets * 90, packets)
        scene.record(2)
    (growth,) = [growth for growth in growths(scene.flush().load()) if growth.name == b"httpd"]
    return growth.worst


def test_a_recording_tells_a_server_with_more_clients_from_one_that_leaks(tmp_path: Path) -> None:
    healthy, leaking = device(tmp_path / "a", 40, 0), device(tmp_path / "b", 0, 1.0)
    assert healthy.change > 2 * MB
    assert (healthy.leaks, healthy.verdict.shape) == (False, Shape.FOLLOWING)
    assert (leaking.leaks, leaking.verdict.shape) == (True, Shape.LEAK)
