"""How long until memory runs out: against recordings that ended in a kill, real ones first."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lastgasp.analysis.forecast import Basis, Forecast, forecast
from lastgasp.analysis.memory import ANONYMOUS, SHARED
from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.pace import Reason
from lastgasp.timeline.load import load
from scene import Scene

RECORDINGS = Path(__file__).parents[1] / "recordings"
MB = 1 << 20


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring", slots=256).boot()


def of_machine(scene: Scene) -> Forecast:
    return forecast(scene.flush().load())[0]


@pytest.mark.parametrize("name", ["adj-down", "protected-leaker", "vfork"])
def test_a_real_kill_is_foreseen_at_half_time(name: str) -> None:
    (recording,) = load(str(RECORDINGS / f"armhf-6.1-{name}.ring.gz"))
    kill = oom_events(recording)[0].at.uptime_ms
    half = (recording.boots[0].sample_at[0] + kill) // 2
    found = forecast(recording, half)[0]
    assert found.in_ms is not None
    assert found.in_ms == pytest.approx(kill - half, rel=0.15)
    assert found.low_ms is not None and found.high_ms is not None
    assert found.low_ms <= found.in_ms <= found.high_ms


def test_the_kill_of_a_real_group_is_foreseen() -> None:
    (recording,) = load(str(RECORDINGS / "armhf-6.1-memcg-adj.ring.gz"))
    kill = oom_events(recording)[0].at.uptime_ms
    machine, group = forecast(recording, kill - 5_000)
    assert group.group == b"/app"
    assert group.in_ms is not None
    assert group.in_ms == pytest.approx(5_000, rel=0.3)
    assert machine.in_ms is None or machine.in_ms > 3 * group.in_ms


def test_after_a_real_kill_nothing_is_foreseen() -> None:
    for path in sorted(RECORDINGS.glob("*.ring.gz")):
        (recording,) = load(str(path))
        assert [one.in_ms for one in forecast(recording)] in ([None], [None, None]), path.name


def test_of_what_was_killed_in_real_groups_nothing_more_is_foreseen() -> None:
    for path in sorted((RECORDINGS / "oom").glob("groups-*.ring.gz")):
        (recording,) = load(str(path))
        assert [one.group for one in forecast(recording) if one.in_ms is not None] == [], path.name


@pytest.mark.parametrize("name", ["groups-1", "groups-3"])
def test_nothing_is_foreseen_just_after_the_kill_in_a_real_group(name: str) -> None:
    (recording,) = load(str(RECORDINGS / "oom" / f"{name}.ring.gz"))
    boot = recording.boots[0]
    for path in boot.rows("cgroup"):
        times, counts = boot.points("cgroup", path, "oom_kills")
        kills = [at for at, count in zip(times, counts, strict=True) if count > counts[0]]
        for at_ms in range(kills[0] + 2_000, kills[0] + 20_000, 8_000) if kills else ():
            if at_ms <= boot.last_ms:
                said = next(one for one in forecast(recording, at_ms) if one.group == path)
                assert said.in_ms is None, f"{path!r} {at_ms - kills[0]} ms after its kill"


# -- the machine -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_a_steady_leak_is_foreseen_with_its_range(tmp_path: Path, seed: int) -> None:
    """Whatever the rate, the noise, the interval and how far it is on."""
    chance = random.Random(seed)
    kb_per_s = chance.choice([2, 5, 20])
    noise = chance.uniform(0, 300)
    scene = Scene(tmp_path / "ring", slots=256, interval_s=chance.choice([1.0, 2.0, 5.0])).boot()
    scene.run(200, b"leakd", lambda t: 2_000 + kb_per_s * t)
    scene.run(201, b"noisy", lambda t: 3_000 + chance.uniform(-noise, noise))
    seconds = chance.uniform(0.25, 0.7) * 36_000 / kb_per_s
    scene.record(seconds)
    found = of_machine(scene)
    left_kb = (scene.meminfo["MemAvailable"] or 0) - 4_000  # that is lost to the reserve and to slab
    print(f"seed {seed}: {kb_per_s} kB/s, noise {noise:.0f} kB, {seconds:.0f} s: {found}")
    assert found.in_ms is not None and found.low_ms is not None and found.high_ms is not None
    assert found.in_ms == pytest.approx(left_kb / kb_per_s * 1000, rel=0.15)
    assert found.low_ms <= found.in_ms <= found.high_ms
    assert found.per_s == pytest.approx(kb_per_s * 1024, rel=0.1)


def test_what_half_of_the_growth_is_is_named(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 2_000 + 4 * t)

    def files(kb_per_s: int) -> str | None:
        for _ in range(600):
            for name in ("Shmem", "Cached"):
                scene.meminfo[name] = (scene.meminfo[name] or 0) + kb_per_s
            scene.record(1)
        return of_machine(scene).mostly

    scene.meminfo |= {"Shmem": 500, "Cached": 2_000}
    assert files(0) == ANONYMOUS
    assert files(16) == SHARED


def test_growth_of_several_kinds_alike_is_mostly_none_of_them(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 2_000 + 4 * t)
    for n in range(600):
        scene.meminfo["SUnreclaim"] = 3_000 + 4 * n
        scene.unaccounted_kb += 4
        scene.record(1)
    found = of_machine(scene)
    assert found.per_s is not None
    assert found.mostly is None


def test_a_machine_that_does_not_grow_has_no_forecast(scene: Scene) -> None:
    chance = random.Random(1)
    scene.run(200, b"noisy", lambda t: 8_000 + chance.uniform(-400, 400))
    scene.record(600)
    found = of_machine(scene)
    assert (found.in_ms, found.low_ms, found.per_s) == (None, None, None)
    assert found.reason in (Reason.NO_TREND, Reason.SAWTOOTH)
    assert found.room_bytes is not None and found.room_bytes > 30 * MB


def test_what_is_given_back_again_and_again_is_no_trend(scene: Scene) -> None:
    scene.run(200, b"batchd", lambda t: 2_000 + 200 * (t % 97))
    scene.record(600)
    assert of_machine(scene).reason in (Reason.SAWTOOTH, Reason.NO_TREND)


def test_a_leak_below_a_sawtooth_is_a_trend(scene: Scene) -> None:
    scene.run(200, b"batchd", lambda t: 1_000 + 100 * (t % 23))
    scene.run(201, b"leakd", lambda t: 10 * t)
    scene.record(1200)
    assert of_machine(scene).per_s == pytest.approx(10 * 1024, rel=0.15)


def test_a_cache_that_fills_and_stops_is_no_trend(scene: Scene) -> None:
    scene.run(200, b"cached", lambda t: min(40 * t, 12_000))
    scene.record(600)
    assert of_machine(scene).in_ms is None


def test_growth_that_is_about_to_stop_is_no_trend(scene: Scene) -> None:
    scene.run(200, b"warm", lambda t: 20_000 * (1 - 0.5 ** (t / 60)))
    scene.record(300)
    assert of_machine(scene).in_ms is None


def test_the_recent_pace_counts(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 5 * t if t < 400 else 2_000 + 30 * (t - 400))
    scene.record(900)
    found = of_machine(scene)
    assert found.per_s == pytest.approx(30 * 1024, rel=0.1)
    assert found.since is not None and found.since.uptime_ms == pytest.approx(410_000, abs=30_000)


def test_file_cache_and_free_swap_are_room(scene: Scene) -> None:
    scene.meminfo |= {"SwapTotal": 20_000, "SwapFree": 20_000}
    scene.run(200, b"leakd", lambda t: 20 * t)
    scene.record(300)
    found = of_machine(scene)
    left_kb = (scene.meminfo["MemAvailable"] or 0) + 20_000 - 4_000
    assert found.in_ms == pytest.approx(left_kb / 20 * 1000, rel=0.1)


def test_what_goes_to_swap_is_still_taken(scene: Scene) -> None:
    scene.meminfo |= {"SwapTotal": 40_000, "SwapFree": 40_000}
    program = scene.run(200, b"leakd", lambda t: 20 * t)
    for second in range(600):
        program.swap_kb = max(20 * second - 6_000, 0) // 4 * 4
        scene.meminfo["SwapFree"] = 40_000 - program.swap_kb
        scene.record(1)
    found = of_machine(scene)
    assert found.basis is Basis.MACHINE
    assert found.per_s is not None


def test_nothing_before_the_last_kill_counts(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 100 * t)
    scene.record(300)
    scene.oom_kill(200)
    scene.record(300)
    assert of_machine(scene).reason is Reason.NO_TREND
    scene.run(201, b"leakd", lambda t: 10 * t)
    scene.record(300)
    assert of_machine(scene).per_s == pytest.approx(10 * 1024, rel=0.1)


@pytest.mark.parametrize("after_s", [1, 2, 5, 15, 40, 120])
def test_nothing_is_foreseen_of_what_has_ended(scene: Scene, after_s: int) -> None:
    scene.run(100, b"steady", 20_000)
    scene.run(200, b"leakd", lambda t: 5_000 + 100 * t)
    scene.record(300)
    assert of_machine(scene).in_ms is not None
    scene.end(200)
    scene.record(after_s)
    found = of_machine(scene)
    assert found.in_ms is None
    assert found.reason in (Reason.GIVEN_BACK, Reason.NO_TREND)


def test_a_slow_leak_of_a_few_minutes_is_no_forecast_of_weeks(scene: Scene) -> None:
    scene.run(200, b"slow", lambda t: t / 10)
    scene.record(120)
    assert of_machine(scene).in_ms is None


def test_too_little_is_said_to_be_too_little(scene: Scene) -> None:
    scene.sample()
    assert of_machine(scene).reason is Reason.TOO_SHORT


def test_a_recording_without_samples_has_none(scene: Scene) -> None:
    assert forecast(scene.flush().load()) == []


def test_a_moment_before_the_first_sample_has_none(scene: Scene) -> None:
    scene.record(20)
    assert forecast(scene.flush().load(), 5) == []


def test_it_can_be_asked_of_any_moment_and_boot(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 50 * t)
    scene.record(400).flush()
    scene.boot(2, wall="2026-11-23 15:00:00").record(50)
    recording = scene.flush().load()
    then = forecast(recording, 210_000, boot=1)[0]
    assert then.in_ms is not None
    assert (then.at.boot, then.at.uptime_ms) == (1, 210_000)
    assert forecast(recording)[0].at.boot == 2
    assert forecast(recording)[0].in_ms is None


def test_a_kernel_without_available_memory_has_a_forecast(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256)
    scene.meminfo["MemAvailable"] = None
    scene.boot().run(200, b"leakd", lambda t: 50 * t)
    scene.record(300)
    assert of_machine(scene).in_ms is not None


# -- groups ------------------------------------------------------------------------------------------------


def group(scene: Scene, seconds: int, usage: object, limit: int | None = 20 * MB) -> Forecast:
    for second in range(seconds):
        assert callable(usage)
        scene.groups[b"/app"] = (int(usage(second)), limit, 0, 0, 0)
        scene.record(1)
    found = forecast(scene.flush().load())
    return next(one for one in found if one.group == b"/app")


def test_a_group_runs_out_at_its_limit(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 20 * t, group=b"/app")
    found = group(scene, 300, lambda t: 20 * 1024 * t + 300 * 1024)
    assert found.limit_bytes == 20 * MB
    assert found.in_ms == pytest.approx((20 * 1024 - 300 - 20 * 300) / 20 * 1000, rel=0.1)


def test_file_cache_of_a_group_is_dropped_first(scene: Scene) -> None:
    """The usage is near the limit and tells nothing; the processes do."""
    scene.run(200, b"leakd", lambda t: 8_000 + 10 * t, group=b"/app/inner")
    found = group(scene, 300, lambda t: 20 * MB - 4096 * (t % 3))
    assert found.basis is Basis.PROCESSES
    assert found.per_s == pytest.approx(10 * 1024, rel=0.1)
    assert found.low_ms is not None and found.high_ms is not None and found.in_ms is not None
    assert found.low_ms < found.in_ms <= found.high_ms


def test_a_group_full_of_cache_has_no_forecast(scene: Scene) -> None:
    found = group(scene, 300, lambda t: min(t * MB // 4, 20 * MB))
    assert (found.in_ms, found.reason) == (None, Reason.RECLAIMS)


def test_a_group_whose_leaker_is_started_anew_after_a_counted_kill_is_foreseen_by_its_new_pace(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 64 * t, group=b"/app")
    for second in range(300):
        scene.groups[b"/app"] = (64 * 1024 * second, 20 * MB, 0, 0, 0)
        scene.record(1)
    scene.end(200)
    scene.run(201, b"leakd", lambda t: 32 * t, group=b"/app")
    for second in range(120):
        scene.groups[b"/app"] = (32 * 1024 * second, 20 * MB, 0, 0, 1)
        scene.record(1)
    found = next(one for one in forecast(scene.flush().load()) if one.group == b"/app")
    assert found.per_s == pytest.approx(32 * 1024, rel=0.1)
    assert found.in_ms == pytest.approx((20 * 1024 - 32 * 120) / 32 * 1000, rel=0.1)


def test_a_group_without_a_limit_has_none(scene: Scene) -> None:
    scene.groups[b"/free"] = (5 * MB, None, 0, 0, 0)
    scene.record(30)
    assert [one.group for one in forecast(scene.flush().load())] == [None]
