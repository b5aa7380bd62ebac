"""Who grew: lives of processes out of a recording, their anonymous memory, their mappings."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.analysis.growth import Growth, growths
from lastgasp.analysis.shape.verdict import Confidence, Shape
from scene import ZOMBIE, Scene

KB = 1024


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def only(scene: Scene, name: bytes) -> Growth:
    (found,) = [growth for growth in growths(scene.flush().load()) if growth.name == name]
    return found


def test_anonymous_memory_is_resident_memory_without_files(scene: Scene) -> None:
    scene.run(200, b"logd", 900, file_kb=4000)
    scene.record(60)
    assert only(scene, b"logd").worst.to_bytes == 900 * KB


def test_memory_that_went_to_swap_still_counts(scene: Scene) -> None:
    program = scene.run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(30)
    program.swap_kb = 1200
    scene.record(30)
    life = only(scene, b"leakd").worst
    assert life.to_bytes == pytest.approx((500 + 50 * 59) * KB, abs=4 * KB)
    assert life.verdict.shape is Shape.LEAK


def test_pages_are_as_large_as_the_recording_says(scene: Scene) -> None:
    scene.start(page_size="16384")
    scene.run(200, b"logd", 900)
    scene.record(60)
    assert only(scene, b"logd").worst.to_bytes == 4 * 900 * KB


def test_a_zombie_has_not_given_its_memory_back_in_good_order(scene: Scene) -> None:
    program = scene.run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(40)
    program.state = ZOMBIE
    scene.record(20)
    life = only(scene, b"leakd").worst
    assert life.verdict.shape is Shape.LEAK
    assert life.to_bytes > 2000 * KB


def test_what_a_dying_process_gives_back_is_no_part_of_its_life(scene: Scene) -> None:
    program = scene.run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(40)
    program.exiting = True
    scene.record(1)
    scene.end(200, 9)
    scene.record(5)
    life = only(scene, b"leakd").worst
    assert life.verdict.shape is Shape.LEAK
    assert life.to_bytes == pytest.approx((500 + 50 * 39) * KB, abs=4 * KB)


def test_nor_what_the_oom_reaper_takes_from_it_before(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 50 * t if t < 40 else 300)
    scene.record(41)
    scene.end(200, 9)
    scene.record(5)
    assert only(scene, b"leakd").worst.to_bytes == pytest.approx((500 + 50 * 39) * KB, abs=4 * KB)


def test_a_leak_that_waits_at_the_limit_for_its_kill_is_still_a_leak(scene: Scene) -> None:
    """When nothing is left everything stands still, for seconds, until the kernel kills."""
    scene.run(200, b"leakd", lambda t: 500 + 50 * min(t, 30))
    scene.run(300, b"cached", lambda t: 500 + 50 * min(t, 15))
    scene.record(30)
    for _ in range(15):
        assert scene.stalled_us is not None
        scene.stalled_us += 900_000
        scene.record(1)
    scene.end(200, 9)
    scene.record(5)
    life = only(scene, b"leakd").worst
    assert life.leaks
    assert life.to_bytes == 2000 * KB
    assert life.last.uptime_ms - life.first.uptime_ms > 40_000, "the wait is part of its life"
    assert only(scene, b"cached").worst.verdict.shape is not Shape.LEAK


def test_without_such_a_wait_what_stopped_growing_did_stop(scene: Scene) -> None:
    scene.run(200, b"cached", lambda t: 500 + 50 * min(t, 30))
    scene.record(45)
    assert only(scene, b"cached").worst.verdict.shape is Shape.FILLED


def test_a_program_that_is_restarted_is_one_program_with_several_lives(scene: Scene) -> None:
    for pid in (200, 210, 220):
        scene.run(pid, b"leakd", lambda t: 500 + 50 * t)
        scene.record(30)
        scene.end(pid, 9)
        scene.record(2)
    growth = only(scene, b"leakd")
    assert (growth.lives, growth.leaking) == (3, 3)


def test_the_same_pid_with_another_start_time_is_another_life(scene: Scene) -> None:
    scene.run(200, b"first", 5000)
    scene.record(20)
    scene.end(200)
    scene.run(200, b"second", 100)
    scene.record(20)
    assert only(scene, b"second").worst.peak_bytes == 100 * KB


def test_lives_in_other_boots_count_too(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(30).flush()
    scene.boot(2, wall="2026-11-23 15:00:00").run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(30)
    assert only(scene, b"leakd").lives == 2


def test_an_interpreter_is_called_by_the_script_that_it_runs(scene: Scene) -> None:
    scene.run(200, b"python3", 900, command_line=b"/usr/bin/python3 -u /opt/app/sensor.py --fast")
    scene.run(201, b"python3.11", 900, command_line=b"python3.11 -m http.server")
    scene.run(202, b"python3", 900, command_line=b"python3 -c pass")
    scene.run(203, b"sh", 900, command_line=b"/bin/sh /etc/init.d/rcS")
    scene.record(12)
    names = {growth.name for growth in growths(scene.flush().load())}
    assert names == {b"python3 sensor.py", b"python3.11 http.server", b"python3", b"sh rcS"}


def test_kernel_threads_have_no_memory_of_their_own(scene: Scene) -> None:
    scene.run(2, b"kthreadd", 0, kernel=True)
    scene.record(20)
    assert growths(scene.flush().load()) == []


def test_whether_the_recording_saw_a_process_begin_and_end(scene: Scene) -> None:
    old = scene.run(100, b"old", 900)
    old.started_ms = 1000
    scene.record(5)
    scene.run(200, b"young", 900)
    scene.record(20)
    scene.end(200, 256)
    scene.record(5)
    assert (only(scene, b"old").worst.started, only(scene, b"old").worst.ended) == (False, False)
    young = only(scene, b"young").worst
    assert (young.started, young.ended, young.exit_code) == (True, True, 256)


def test_who_leaks_beyond_doubt_comes_before_who_merely_grew_more(scene: Scene) -> None:
    scene.run(200, b"cached", lambda t: min(500 * t, 8000))
    scene.run(201, b"leakd", lambda t: 500 + 20 * t)
    scene.record(60)
    assert [growth.name for growth in growths(scene.flush().load())] == [b"leakd", b"cached"]


# -- mappings ------------------------------------------------------------------------------------------


def test_growth_is_put_down_to_the_mapping_that_grew(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 50 * t, mapping=b"/usr/lib/libfoo.so.1")
    scene.record(60, mappings_every=10)
    where = gather(scene.flush().load()).growth[0].worst.where
    assert where is not None
    assert where.readings == 6
    assert where.places[0].name == b"/usr/lib/libfoo.so.1"
    assert where.places[0].share == 1.0
    assert where.places[0].grown == where.grown == 2500 * KB


def test_with_one_reading_only_the_place_is_known_and_not_the_growth(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(30)
    scene.sample(mappings=True)
    scene.at_s += 1
    scene.record(30)
    where = gather(scene.flush().load()).growth[0].worst.where
    assert where is not None
    assert (where.readings, where.grown) == (1, None)
    assert where.places[0].bytes == 2000 * KB
    assert where.places[0].grown is None


def test_without_a_reading_nothing_is_said_of_mappings(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 50 * t)
    scene.record(60)
    assert gather(scene.flush().load()).growth[0].worst.where is None


def test_a_mapping_that_left_the_list_holds_nothing_any_more(scene: Scene) -> None:
    program = scene.run(200, b"leakd", lambda t: 500 + 50 * t, mapping=b"/tmp/old.so")
    scene.record(20, mappings_every=10)
    row = program.key + b" /tmp/old.so"
    scene.encoder.gone(scene.now_ms, scene.tables["mapping"], row, row, [])
    program.mapping = b"[heap]"
    scene.record(20, mappings_every=10)
    where = gather(scene.flush().load()).growth[0].worst.where
    assert where is not None
    assert where.places[0].name == b"[heap]"
    assert all(place.bytes == 0 for place in where.places if place.name == b"/tmp/old.so")


# -- kills -------------------------------------------------------------------------------------------------


def test_a_leak_is_judged_up_to_the_kill_that_most_of_its_life_lies_before(scene: Scene) -> None:
    """What the leaker does in the seconds after a kill, in memory that was just freed, is not how fast it leaks."""
    size = [1_000.0]
    scene.run(199, b"victim", 5_000)
    scene.run(200, b"leakd", lambda _: size[0])
    for _ in range(100):
        size[0] += 100
        scene.record(1)
    at_kill = size[0]
    scene.oom_kill(199)
    for _ in range(20):
        size[0] += 900
        scene.record(1)
    life = only(scene, b"leakd").worst
    assert life.verdict.shape is Shape.LEAK
    assert life.judged_bytes == pytest.approx(at_kill * 1024, rel=0.02)
    assert life.to_bytes > life.judged_bytes * 2
    assert life.verdict.per_s == pytest.approx(100 * 1024, rel=0.05)


def test_a_kill_in_a_strange_group_does_not_end_what_is_judged(scene: Scene) -> None:
    scene.run(199, b"victim", 5_000, group=b"/other")
    scene.run(200, b"leakd", lambda t: 100 * t, group=b"/app")
    scene.record(100)
    scene.oom_kill(199, b"/other")
    scene.record(20)
    life = only(scene, b"leakd").worst
    assert life.judged_bytes == life.to_bytes


def test_a_leaks_rate_is_the_quotient_of_its_growth_and_time(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 37 * t + 60 * (t % 3))
    scene.record(200)
    verdict = only(scene, b"leakd").worst.verdict
    assert verdict.shape is Shape.LEAK
    assert verdict.per_s == pytest.approx(verdict.grown * 1000 / (verdict.until_ms - verdict.since_ms))


def test_of_a_program_in_its_first_minutes_nothing_is_certain(scene: Scene) -> None:
    """Then whatever fills looks like a leak."""
    scene.run(200, b"leakd", lambda t: 500 + 20 * t)
    scene.record(300)
    life = only(scene, b"leakd").worst
    assert (life.leaks, life.verdict.confidence) == (True, Confidence.MEDIUM)


def test_growth_of_one_that_was_there_long_before_the_recording_may_be_certain_after_minutes(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 20 * t).started_ms = 0
    scene.record(300)
    life = only(scene, b"leakd").worst
    assert (life.leaks, life.verdict.confidence) == (True, Confidence.HIGH)


def test_a_bystander_that_grows_a_little_next_to_a_leak_is_only_suspected(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 300 * t)
    scene.run(201, b"beside", lambda t: 500 + 4 * t)
    scene.record(100)
    found = {growth.name: growth.worst for growth in growths(scene.flush().load())}
    assert found[b"leakd"].leaks
    assert found[b"beside"].verdict.shape is Shape.LEAK
    assert not found[b"beside"].leaks
    assert next(iter(found)) == b"leakd"


def test_alone_it_is_told_as_likely(scene: Scene) -> None:
    scene.run(201, b"beside", lambda t: 500 + 4 * t)
    scene.record(100)
    life = only(scene, b"beside").worst
    assert (life.leaks, life.verdict.confidence) == (True, Confidence.MEDIUM)


def test_a_large_leak_that_is_likely_comes_before_a_small_one_that_is_sure(scene: Scene) -> None:
    scene.run(200, b"small", lambda t: 500 + 10 * t).started_ms = 0
    scene.run(201, b"large", lambda t: 500 + 300 * t)
    scene.record(100)
    first, second = growths(scene.flush().load())
    assert (first.name, first.worst.verdict.confidence) == (b"large", Confidence.MEDIUM)
    assert (second.name, second.worst.verdict.confidence) == (b"small", Confidence.HIGH)
