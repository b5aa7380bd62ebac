"""Limits kept, broken, and not to be told: never green for want of evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgasp.analysis.budget.budget import parse
from lastgasp.analysis.budget.judge import Check, Outcome, Result, Rule, Why, judge
from lastgasp.analysis.facts import gather
from lastgasp.analysis.shape.trend import Shape
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

MB = 1 << 20
RECORDINGS = Path(__file__).parents[1] / "recordings"
KEPT, BROKEN, UNCHECKED, UNUSED = Outcome.KEPT, Outcome.BROKEN, Outcome.UNCHECKED, Outcome.UNUSED


def held(scene: Scene, text: str) -> Result:
    recording = scene.load()
    return judge(recording, gather(recording), parse(text))


def only(result: Result, rule: Rule) -> Check:
    (found,) = [check for check in result.checks if check.rule is rule]
    return found


def made(tmp_path: Path, size: Callable[[float], float] | float, seconds: float = 3600, **more: object) -> Scene:
    scene = Scene(tmp_path / "ring", slots=512, interval_s=5).boot()
    scene.run(200, b"sensord", size, **more)
    return scene.record(seconds).flush()


def test_steady_peak_and_threads_are_kept_or_broken(tmp_path: Path) -> None:
    scene = made(tmp_path, lambda t: 8192 if t < 1000 or t > 1100 else 12288, adj=0)
    result = held(scene, "[process.sensord]\nsteady = '8 MB'\npeak = '12 MB'\nthreads = 1")
    assert [check.outcome for check in result.checks] == [KEPT] * 4
    assert only(result, Rule.STEADY).measured == 8 * MB
    assert only(result, Rule.PEAK).measured == 12 * MB
    result = held(scene, "[process.sensord]\nsteady = '8191 kB'\npeak = '12287 kB'\nthreads = 0")
    assert {check.outcome for check in result.checks if check.rule is not Rule.RUNS} == {BROKEN}


def test_a_peak_that_was_passed_is_broken_however_short_the_recording(tmp_path: Path) -> None:
    scene = made(tmp_path, 8192, 30)
    assert only(held(scene, "[process.sensord]\npeak = '7 MB'"), Rule.PEAK).outcome is BROKEN
    kept = only(held(scene, "[process.sensord]\npeak = '9 MB'"), Rule.PEAK)
    assert (kept.outcome, kept.why, kept.needs_ms) == (UNCHECKED, Why.SHORT, 600_000)
    enough = held(scene, "[recording]\nat_least = '20 s'\n[process.sensord]\npeak = '9 MB'")
    assert only(enough, Rule.PEAK).outcome is KEPT


def test_a_leak_is_broken_above_its_rate_and_kept_below(tmp_path: Path) -> None:
    scene = made(tmp_path, lambda t: 4096 + t / 3600 * 1024)  # 1 MB an hour
    broken = only(held(scene, "[process.sensord]\ngrowth = '500 kB/h'"), Rule.GROWTH)
    assert (broken.outcome, broken.shape) == (BROKEN, Shape.LEAK)
    assert broken.measured == pytest.approx(MB, rel=0.1)
    assert only(held(scene, "[process.sensord]\ngrowth = '2 MB/h'"), Rule.GROWTH).outcome is KEPT
    assert only(held(scene, "[process.sensord]\ngrowth = '10 %/h'"), Rule.GROWTH).outcome is BROKEN
    assert only(held(scene, "[process.sensord]\ngrowth = '50 %/h'"), Rule.GROWTH).outcome is KEPT


def test_a_warm_up_is_no_growth(tmp_path: Path) -> None:
    scene = made(tmp_path, lambda t: 4096 + min(t * 20, 4000))
    assert only(held(scene, "[process.sensord]\ngrowth = 0"), Rule.GROWTH).outcome is KEPT


def test_a_cache_that_has_filled_is_judged_by_the_time_since(tmp_path: Path) -> None:
    scene = made(tmp_path, lambda t: 1024 + min(t * 4, 5000))  # full after 21 of 60 minutes
    assert only(held(scene, "[process.sensord]\ngrowth = '200 kB/h'"), Rule.GROWTH).outcome is KEPT
    assert only(held(scene, "[process.sensord]\ngrowth = '50 kB/h'"), Rule.GROWTH).outcome is UNCHECKED


def test_a_leak_too_slow_to_be_seen_in_this_time_is_not_called_kept(tmp_path: Path) -> None:
    scene = made(tmp_path, 4096, 1200)
    check = only(held(scene, "[process.sensord]\ngrowth = '100 kB/h'"), Rule.GROWTH)
    assert (check.outcome, check.why, check.needs_ms) == (UNCHECKED, Why.SHORT, 2_304_000)
    assert only(held(scene, "[process.sensord]\ngrowth = '200 kB/h'"), Rule.GROWTH).outcome is KEPT


def test_growth_that_slows_down_to_the_end_is_judged_by_its_last_half(tmp_path: Path) -> None:
    scene = made(tmp_path, lambda t: 4096 + 12000 * (1 - math.exp(-t / 500)) + 80 * t / 3600)
    result = held(scene, "[process.sensord]\ngrowth = '1 MB/h'")
    (life,) = [growth.worst for growth in result.facts.growth]
    assert life.verdict.shape in (Shape.WARM_UP, Shape.FILLED) and life.verdict.until_ms > 3_400_000
    check = only(result, Rule.GROWTH)
    assert (check.outcome, check.measured, check.why) == (KEPT, 0.0, None)
    check = only(held(scene, "[process.sensord]\ngrowth = '100 kB/h'"), Rule.GROWTH)
    assert (check.outcome, check.why) == (UNCHECKED, Why.GREW)
    assert check.needs_ms is not None and check.needs_ms > 3_600_000


def test_the_reason_why_it_cannot_be_checked_is_true_of_real_programs() -> None:
    """A cache that fills ever more slowly ran for 45 minutes: no reason to call it brief."""
    (recording,) = load(str(RECORDINGS / "real" / "programs.ring.gz"))
    result = judge(recording, gather(recording), parse("[process.'*']\ngrowth = '1 MB/h'"))
    (cache,) = [check for check in result.checks if check.program == b"redis-lru"]
    assert cache.outcome is KEPT
    for check in result.those(UNCHECKED):
        assert check.why is Why.SHORT and check.needs_ms is not None and check.needs_ms > result.seen_ms


def test_the_report_and_the_budget_agree_on_who_leaks(tmp_path: Path) -> None:
    for name, story in STORIES.items():
        story(tmp_path / name)
        recording = Scene.load(_At(tmp_path / name))  # type: ignore[arg-type]
        facts = gather(recording)
        result = judge(recording, facts, parse("[process.'*']\ngrowth = 0"))
        broken = {check.program for check in result.those(BROKEN) if check.rule is Rule.GROWTH}
        assert broken == {growth.name for growth in facts.leaks}


class _At:
    def __init__(self, path: Path) -> None:
        self.path = path


def test_who_did_not_run_is_broken_unless_it_need_not(tmp_path: Path) -> None:
    scene = made(tmp_path, 4096, 700)
    (missing,) = held(scene, "[process.webui]\npeak = 1").checks
    assert (missing.program, missing.rule, missing.outcome) == (b"webui", Rule.RUNS, BROKEN)
    assert held(scene, "[process.webui]\nrequired = false\npeak = 1").checks[0].outcome is UNUSED
    assert held(scene, "[process.'web*']\npeak = 1").checks[0].outcome is UNUSED
    assert held(scene, "[process.'web*']\nrequired = true\npeak = 1").checks[0].outcome is BROKEN


def test_of_several_tables_the_first_with_the_key_counts(tmp_path: Path) -> None:
    scene = made(tmp_path, 4096, 700)
    result = held(scene, "[process.sensord]\npeak = '5 MB'\n[process.'*']\npeak = '1 MB'\nsteady = '1 MB'")
    assert only(result, Rule.PEAK).outcome is KEPT
    assert only(result, Rule.STEADY).outcome is BROKEN


def test_all_processes_of_a_program_count_together(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256, interval_s=5).boot()
    for pid in range(200, 204):
        scene.run(pid, b"worker", 1024)
    scene.record(700).flush()
    assert only(held(scene, "[process.worker]\npeak = '8 MB'"), Rule.PEAK).measured == 4 * MB


def test_programs_that_run_briefly_do_not_hold_up_a_pattern_but_those_that_are_named_do(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256, interval_s=5).boot()
    scene.run(200, b"sh", 100)
    scene.record(20)
    scene.end(200)
    scene.record(1000).flush()
    assert only(held(scene, "[process.'*']\ngrowth = '1 MB/h'"), Rule.GROWTH).outcome is UNUSED
    assert only(held(scene, "[process.sh]\ngrowth = '1 MB/h'"), Rule.GROWTH).outcome is UNCHECKED
    assert only(held(scene, "[process.'*']\nsteady = '1 MB'"), Rule.STEADY).outcome is UNUSED
    assert only(held(scene, "[process.sh]\nsteady = '1 MB'"), Rule.STEADY).outcome is UNCHECKED


def test_the_machine_is_held_to_its_floor_slab_and_stalls(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256, interval_s=5).boot()
    scene.run(200, b"sensord", lambda t: 4096 if t < 500 else 20480)
    scene.record(800)
    scene.stalled_us = 8_000_000
    scene.record(200).flush()
    available = min(scene.load().boots[0].points("meminfo", b"", "MemAvailable")[1])
    text = "[system]\navailable_floor = '{} kB'\nslab = '{} kB'\nstall = '{} %'"
    kept = held(scene, text.format(available, 4000, 1))
    assert [check.outcome for check in kept.checks] == [KEPT] * 3
    assert kept.checks[0].at is not None and kept.checks[0].at.uptime_ms >= 500_000
    broken = held(scene, text.format(available + 1, 3999, 0.5))
    assert [check.outcome for check in broken.checks] == [BROKEN] * 3


def test_no_pressure_information_is_not_green(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256, interval_s=5, stalled_us=None).boot().record(700).flush()
    (check,) = held(scene, "[system]\nstall = '1 %'").checks
    assert (check.outcome, check.why) == (UNCHECKED, Why.UNRECORDED)


def test_a_kill_and_a_reboot_are_counted(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256, interval_s=5).boot()
    scene.run(200, b"sensord", 4096)
    scene.record(400)
    scene.oom_kill(200)
    scene.record(300).flush()
    scene.boot(2, wall="2026-11-23 15:00:00").record(60).flush()
    kills, reboots = held(scene, "[system]\noom_kills = 0\nreboots = 0").checks
    assert (kills.outcome, kills.measured, kills.victims) == (BROKEN, 1, (b"sensord",))
    assert (reboots.outcome, reboots.measured) == (BROKEN, 1)
    assert {check.outcome for check in held(scene, "[system]\noom_kills = 1\nreboots = 1").checks} == {KEPT}


def test_a_driver_that_leaks_is_unexplained_growth(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=512, interval_s=5).boot()
    scene.run(200, b"sensord", 4096)
    for _ in range(360):
        scene.unaccounted_kb += 20
        scene.record(5)
    scene.flush()
    (broken,) = held(scene, "[system]\nunexplained_growth = '1 MB/h'").checks
    assert (broken.outcome, round((broken.measured or 0) / MB)) == (BROKEN, 14)
    assert held(scene, "[system]\nunexplained_growth = '20 MB/h'").checks[0].outcome is KEPT


def test_unexplained_growth_below_what_can_be_seen_is_not_called_kept(tmp_path: Path) -> None:
    scene = made(tmp_path, 4096, 1200)
    (check,) = held(scene, "[system]\nunexplained_growth = '1 MB/h'").checks
    assert (check.outcome, check.why) == (UNCHECKED, Why.SHORT)
    assert held(scene, "[system]\nunexplained_growth = '6 MB/h'").checks[0].outcome is KEPT


def test_holes_do_not_count_as_seen(tmp_path: Path) -> None:
    STORIES["three_boots_and_a_hole"](tmp_path / "ring")
    recording = Scene.load(_At(tmp_path / "ring"))  # type: ignore[arg-type]
    facts = gather(recording)
    result = judge(recording, facts, parse("[system]\noom_kills = 0"))
    assert 0 < result.seen_ms < facts.span.recorded_ms


def test_a_recording_of_a_single_sample_can_be_held_against_everything(tmp_path: Path) -> None:
    from lastgasp.cli.check import EXAMPLE

    scene = Scene(tmp_path / "ring").boot()
    scene.run(200, b"logd", 900)
    scene.sample()
    scene.flush()
    result = held(scene, EXAMPLE.read_text(encoding="utf-8"))
    assert {check.outcome for check in result.checks if check.rule is not Rule.RUNS} == {UNCHECKED}
