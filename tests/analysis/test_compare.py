"""What differs between two firmware versions, and what is noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median, stdev

import pytest

import made_firmware
from lastgasp.analysis.compare.conditions import Doubt
from lastgasp.analysis.compare.diff import Comparison, diff
from lastgasp.analysis.compare.levels import BLOCKS, Level, Points, added, cut, levels
from lastgasp.analysis.compare.match import matched
from lastgasp.analysis.compare.noise import COUNT, MEMORY, Change, compare
from lastgasp.analysis.compare.programs import Presence, ProgramDiff
from lastgasp.analysis.compare.sides import Runs
from lastgasp.analysis.compare.slopes import Evidence, Turn, slope
from lastgasp.analysis.compare.usage import programs
from lastgasp.analysis.facts import gather
from lastgasp.analysis.shape.trend import Confidence, Shape, Verdict
from lastgasp.timeline.model import Process, Recording
from scene import Scene

KB, MB = 1 << 10, 1 << 20
FALSE_ALARMS = 0.01  # of the programs of two runs of one firmware, at most
FIRMWARES = 12


# -- levels ------------------------------------------------------------------------------------------------


def test_a_level_is_the_median_of_what_held_after_the_warm_up() -> None:
    points: Points = [(0, 100), (15_000, 500), (90_000, 900)]
    found = levels(points, 100_000)
    assert found is not None and found.steady is not None
    assert (found.steady.value, found.peak.value, found.low, found.seen_ms) == (500, 900, 100, 100_000)


def test_time_without_a_process_does_not_count() -> None:
    points: Points = [(0, 100), (50_000, None), (90_000, 100), (140_000, None)]
    found = levels(points, 1_000_000)
    assert found is not None and found.steady is not None
    assert (found.steady.value, found.steady.scatter, found.seen_ms) == (100, 0, 100_000)


def test_a_curve_seen_briefly_has_a_peak_and_no_level() -> None:
    found = levels([(0, 7)], 9_999)
    assert found is not None and found.steady is None
    assert found.peak.value == 7
    assert levels([(0, None)], 10) is None


def test_a_peak_that_came_once_is_no_sure_peak() -> None:
    once = levels([(0, 900), (1000, 100)], 100_000)
    often = levels([p for n in range(100) for p in ((n * 1000, 900), (n * 1000 + 500, 100))], 100_000)
    assert once is not None and often is not None
    assert once.peak.value == often.peak.value == 900
    assert once.peak.scatter > 200 > often.peak.scatter


def test_processes_that_follow_one_another_or_run_at_once_are_added_up() -> None:
    total, count = added([([0, 10], [5, 7], 20), ([20], [6], 30), ([25], [1], 30), ([40], [2], 40)])
    assert total == [(0, 5), (10, 7), (20, 6), (25, 7), (30, None), (40, 2), (41, None)]
    assert count == [(0, 1), (25, 2), (30, None), (40, 1), (41, None)]


def test_the_sum_of_any_curves_is_their_sum_at_any_time() -> None:
    for seed in range(100):
        rng = Random(seed)
        curves = []
        for _ in range(rng.randrange(1, 6)):
            times = sorted(rng.sample(range(1000), rng.randrange(1, 8)))
            curves.append((times, [rng.randrange(50) for _ in times], times[-1] + rng.randrange(1, 300)))
        total, _ = added(curves)
        for at in range(0, 1400, 7):
            living = [values[sum(t <= at for t in times) - 1] for times, values, end in curves if times[0] <= at < end]
            held = [value for when, value in total if when <= at]
            assert (held[-1] if held else None) == (sum(living) if living else None), f"seed {seed}, at {at}"


def test_the_levels_of_any_curve_are_those_of_its_every_millisecond() -> None:
    for seed in range(60):
        rng = Random(seed)
        times = sorted(rng.sample(range(20_000), rng.randrange(1, 60)))
        points: Points = [(at, rng.choice((None, rng.randrange(9), rng.randrange(90)))) for at in times]
        until_ms = times[-1] + rng.randrange(3000)
        ends = [*times[1:], until_ms]
        every = [value for (at, value), end in zip(points, ends, strict=True) for _ in range(at, end)]
        lived = [value for value in every if value is not None]
        skipped = len(lived) * 0.2
        edges = [round(skipped + number * (len(lived) - skipped) / 8) for number in range(9)]
        blocks = [sorted(lived[left:right]) for left, right in pairwise(edges)]
        found = levels(points, until_ms)
        if not any(value is not None for _, value in points):
            assert found is None
            continue
        assert found is not None and found.seen_ms == len(lived), f"seed {seed}"
        if len(lived) < 10_000:
            assert found.steady is None, f"seed {seed}"
            continue
        middles = [block[(len(block) - 1) // 2] for block in blocks]
        assert found.steady is not None and found.first is not None
        assert found.steady.value == median(middles), f"seed {seed}"
        assert found.steady.scatter == pytest.approx(stdev(middles)), f"seed {seed}"
        assert (found.first.value, found.first.scatter) == (middles[0], blocks[0][-1] - blocks[0][0]), f"seed {seed}"
        assert found.floor_scatter == pytest.approx(stdev([block[0] for block in blocks])), f"seed {seed}"


def test_nothing_is_known_in_a_hole() -> None:
    points: Points = [(0, 5), (100, 6), (250, 7), (900, 8)]
    assert cut(points, [(200, 300)]) == [(0, 5), (100, 6), (201, None), (300, 7), (900, 8)]
    assert cut(points, [(50, 100)]) == [(0, 5), (51, None), (100, 6), (250, 7), (900, 8)]
    assert cut(points, [(300, 400), (500, 900)])[2:] == [(250, 7), (301, None), (400, 7), (501, None), (900, 8)]
    assert cut([(500, 1)], [(0, 400)]) == [(500, 1)]
    assert cut([(500, 1)], [(500, 900)]) == [(500, 1), (501, None), (900, 1)]


def test_a_process_that_ended_while_the_agent_did_not_run_is_not_counted_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=128, interval_s=5).boot()
    scene.run(200, b"sensord", 4096)
    scene.record(100).stop()
    del scene.programs[200]
    scene.at_s += 60
    scene.start()
    scene.run(201, b"sensord", 4096)
    scene.record(100).stop()
    (program,) = [one for one in programs(scene.load()) if one.name == b"sensord"]
    (use,) = program.uses
    assert (use.lives, use.memory.peak.value, use.processes.peak.value) == (2, 4 * MB, 1)


def test_all_blocks_of_a_long_curve_are_filled() -> None:
    rng = Random(3)
    points: Points = [(0, 1)]
    for _ in range(1000):
        points.append((points[-1][0] + rng.randrange(1, 5000), rng.randrange(100)))
    found = levels(points, points[-1][0] + 1)
    assert found is not None and found.steady is not None
    assert BLOCKS == 8 and 40 <= found.steady.value <= 60


# -- noise -------------------------------------------------------------------------------------------------


def level(mb: float, scatter_kb: float = 0.0) -> Level:
    return Level(mb * MB, scatter_kb * KB)


def test_a_small_difference_of_two_runs_is_noise_and_a_large_one_is_sure() -> None:
    confidences = [compared([8], [8 + more]).confidence for more in (0.1, 0.3, 0.5, 1.0)]
    assert confidences == [None, Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH]


def compared(old: list[float], new: list[float], scatter_kb: float = 0.0) -> Change:
    found = compare([level(mb, scatter_kb) for mb in old], [level(mb, scatter_kb) for mb in new], MEMORY)
    assert found is not None
    return found


def test_a_program_that_moves_has_to_move_further_to_be_another() -> None:
    assert compared([8], [9]).confidence is Confidence.HIGH
    assert compared([8], [9], scatter_kb=300).confidence is None


def test_several_runs_that_agree_see_more_and_runs_that_do_not_see_less() -> None:
    assert compared([8], [8.2]).confidence is None
    assert compared([8, 8.01, 7.99, 8, 8.01], [8.2, 8.21, 8.2, 8.19, 8.2]).sure
    assert compared([8], [9]).sure
    assert not compared([7, 8, 9, 8.5], [8, 9, 10, 9]).sure


def test_what_is_a_few_pages_is_no_difference_however_sure() -> None:
    assert compared([0.3] * 9, [0.35] * 9).confidence is None


def test_one_more_thread_is_a_suspicion_and_two_are_a_fact() -> None:
    found = [compare([Level(4, 0)], [Level(count, 0)], COUNT) for count in (4, 5, 6, 40)]
    assert [one.confidence if one else None for one in found] == [
        None,
        Confidence.LOW,
        Confidence.MEDIUM,
        Confidence.HIGH,
    ]


def test_a_doubt_is_one_grade_less() -> None:
    found = [compare([level(8)], [level(12)], MEMORY, doubts) for doubts in range(4)]
    assert [one.confidence if one else None for one in found] == [
        Confidence.HIGH,
        Confidence.MEDIUM,
        Confidence.LOW,
        Confidence.LOW,
    ]


# -- leaks -------------------------------------------------------------------------------------------------


def leaking(per_s: float, confidence: Confidence = Confidence.HIGH, hours: float = 1) -> Evidence:
    verdict = Verdict(Shape.LEAK, confidence, 0, round(hours * 3.6e6), round(per_s * hours * 3600), per_s)
    return Evidence([verdict], 1, True, round(hours * 3.6e6))


def sound(hours: float = 1, unrest: float = 0.0) -> Evidence:
    return Evidence([], 1, False, round(hours * 3.6e6), unrest)


def turned(old: Evidence, new: Evidence) -> tuple[Turn, Confidence, bool]:
    found = slope(old, new, 64 * KB)
    assert found is not None
    return found.turn, found.confidence, found.unseen


def test_a_leak_begins_ends_or_changes_its_pace() -> None:
    assert slope(sound(), sound(), 64 * KB) is None
    assert turned(sound(), leaking(1000)) == (Turn.BEGAN, Confidence.HIGH, False)
    assert turned(leaking(1000), sound()) == (Turn.ENDED, Confidence.HIGH, False)
    assert turned(leaking(1000), leaking(1200))[0] is Turn.SAME
    assert turned(leaking(1000), leaking(3000)) == (Turn.FASTER, Confidence.HIGH, False)
    assert turned(leaking(1000), leaking(2000)) == (Turn.FASTER, Confidence.MEDIUM, False)
    assert turned(leaking(3000), leaking(1000))[0] is Turn.SLOWER


def test_who_was_not_looked_at_for_long_may_have_leaked_before() -> None:
    assert turned(sound(hours=0.02), leaking(1000)) == (Turn.BEGAN, Confidence.LOW, True)


def test_growth_that_the_other_side_shows_without_a_leak_is_a_suspicion() -> None:
    assert turned(sound(unrest=1 * MB), leaking(1000))[1:] == (Confidence.LOW, True)
    assert turned(sound(unrest=0.5 * MB), leaking(1000))[1:] == (Confidence.MEDIUM, False)


def test_a_leak_in_a_few_of_many_runs_is_less_sure() -> None:
    some = replace(leaking(1000), recordings=5)
    assert turned(sound(), some) == (Turn.BEGAN, Confidence.MEDIUM, False)


# -- matching ----------------------------------------------------------------------------------------------


def names(old: list[tuple[bytes, bytes | None]], new: list[tuple[bytes, bytes | None]]) -> set[tuple[bytes, bytes]]:
    pairs = matched([Runs(*one) for one in old], [Runs(*one) for one in new])
    assert len([one for one, _ in pairs if one]) == len(old)
    assert len([one for _, one in pairs if one]) == len(new)
    return {(before.name if before else b"", after.name if after else b"") for before, after in pairs}


def test_programs_are_matched_by_name_then_by_file() -> None:
    old = [(b"sensord", b"/usr/bin/sensord"), (b"webui", b"/usr/sbin/webui"), (b"sh", b"/bin/busybox"), (b"x", None)]
    new = [(b"sensord", b"/opt/sensord"), (b"web", b"/usr/sbin/webui"), (b"ash", b"/bin/busybox"), (b"y", None)]
    assert names(old, new) == {
        (b"sensord", b"sensord"),
        (b"webui", b"web"),
        (b"sh", b""),
        (b"", b"ash"),
        (b"x", b""),
        (b"", b"y"),
    }


def test_a_script_is_the_same_under_another_python() -> None:
    assert names([(b"python3.11 a.py", None)], [(b"python3.12 a.py", None)]) == {
        (b"python3.11 a.py", b"python3.12 a.py")
    }
    assert names([(b"python3 a.py", None)], [(b"python3 b.py", None)]) == {
        (b"python3 a.py", b""),
        (b"", b"python3 b.py"),
    }


def test_a_file_that_several_programs_run_matches_nobody() -> None:
    assert (b"a", b"c") not in names([(b"a", b"/opt/x"), (b"b", b"/opt/x")], [(b"c", b"/opt/x")])


# -- whole firmwares ---------------------------------------------------------------------------------------


def compared_runs(old: list[Recording], new: list[Recording]) -> Comparison:
    return diff(*([(one, gather(one)) for one in side] for side in (old, new)))


def by_name(compared: Comparison) -> dict[bytes, ProgramDiff]:
    return {one.name: one for one in compared.programs}


def test_two_runs_of_one_firmware_show_no_regression(record_property: Callable[[str, object], None]) -> None:
    """A quarter of an hour each, of programs that jitter, wander, burst, fill caches and serve sessions."""
    alarms: list[str] = []
    pairs = 0
    for seed in range(FIRMWARES):
        compared = compared_runs([made_firmware.recording(seed, 1, 15)], [made_firmware.recording(seed, 2, 15)])
        pairs += len(compared.programs)
        alarms += [f"seed {seed}: {one.name!r}" for one in compared.programs if one.worse or one.better]
        alarms += [f"seed {seed}: {item.name}" for item in compared.machine if item.worse]
    print(alarms)
    assert len(alarms) <= FALSE_ALARMS * pairs
    record_property("counted: programs compared with another run of themselves", pairs)
    record_property("counted: of them called changed", len(alarms))


def test_a_program_that_is_five_percent_larger_is_found_where_several_runs_are_given() -> None:
    seed, grown = 0, made_firmware.name_of(7)  # "still", of 11 MB
    runs = [made_firmware.recording(seed, run, 15, 8) for run in range(6)]
    more = [made_firmware.recording(seed, run, 15, 8, times={grown: 1.05}) for run in range(3, 6)]
    assert not by_name(compared_runs(runs[:3], runs[3:]))[grown].changed
    found = by_name(compared_runs(runs[:3], more))
    assert found[grown].worse
    assert [name for name, one in found.items() if one.worse] == [grown]


def test_a_leak_that_was_put_in_is_found_and_told_of_its_program_only() -> None:
    found_all = 0
    for seed in range(4):
        leaker = made_firmware.name_of(seed)
        old = [made_firmware.recording(seed, 1, 60, 7)]
        compared = compared_runs(old, [made_firmware.recording(seed, 2, 60, 7, leaks={leaker: 4 * MB})])
        worse = [one.name for one in compared.worse]
        assert set(worse) <= {leaker}, f"seed {seed}"
        found = by_name(compared)[leaker].slope
        assert found is not None and found.turn is Turn.BEGAN and found.new_per_s is not None
        assert found.new_per_s == pytest.approx(4 * MB / 3600, rel=0.25)
        found_all += found.sure
    assert found_all >= 3


def test_new_and_gone_programs_are_named_and_renamed_ones_are_not() -> None:
    old, new = made_firmware.recording(1, 1, 10, 3), made_firmware.recording(1, 2, 10, 3)
    processes = list(new.boots[0].processes.values())
    processes[0].names = [b"renamed"]
    for recording, path in ((old, b"/usr/bin/a"), (new, b"/usr/bin/a")):
        first = next(iter(recording.boots[0].processes.values()))
        first.attributes["exe"] = path
    processes[1].names = [b"another"]
    found = by_name(compared_runs([old], [new]))
    assert (found[b"renamed"].old_name, found[b"renamed"].presence) == (made_firmware.name_of(0), Presence.BOTH)
    assert found[b"another"].presence is Presence.NEW
    assert found[made_firmware.name_of(1)].presence is Presence.GONE


def test_workers_that_become_more_are_told_as_such() -> None:
    sides = []
    for workers in (4, 8):
        recording = made_firmware.recording(1, workers, 10, workers)
        boot = recording.boots[0]
        series = boot.tables[b"process"][b"100@1000"]
        for key, process in boot.processes.items():
            process.names = [b"worker"]
            boot.tables[b"process"][key] = series
        sides.append([recording])
    (worker,) = compared_runs(*sides).programs
    assert worker.processes is not None and (worker.processes.old, worker.processes.new) == (4, 8)
    assert worker.processes.sure and worker.worse
    assert worker.largest is not None and worker.largest.confidence is None


def test_another_machine_is_a_doubt_and_another_kernel_is_not() -> None:
    old, new = made_firmware.recording(1, 1, 10, 2), made_firmware.recording(1, 2, 10, 2)
    new.boots[0].events[0].values["kernel"] = b"6.6.1"
    conditions = compared_runs([old], [new]).conditions
    assert ([one.name for one in conditions.settings], conditions.doubts) == (["kernel"], [])
    new.boots[0].events[0].values["total_kb"] = b"131072"
    assert compared_runs([old], [new]).conditions.doubts == [Doubt.MACHINE]


def test_what_one_side_does_not_tell_is_not_different() -> None:
    old, new = made_firmware.recording(1, 1, 10, 2), made_firmware.recording(1, 2, 10, 2)
    del old.boots[0].events[0]
    assert compared_runs([old], [new]).conditions.settings == []


def test_the_heaviest_change_comes_first() -> None:
    more = {made_firmware.name_of(0): 2.0, made_firmware.name_of(7): 2.0, made_firmware.name_of(1): 0.5}
    old, new = made_firmware.recording(5, 1, 15, 14), made_firmware.recording(5, 2, 15, 14, times=more)
    found = compared_runs([old], [new]).programs
    kinds = [0 if one.worse else 1 if one.better else 2 if one.changed else 3 for one in found]
    assert kinds == sorted(kinds)
    worse = [one.weight for one in found if one.worse]
    assert len(worse) >= 2 and all(a >= b for a, b in pairwise(worse))


def test_many_programs_are_compared() -> None:
    sides = []
    for run in (1, 2):
        recording = made_firmware.recording(1, run, 2, 7)
        boot = recording.boots[0]
        all_series = list(boot.tables[b"process"].values())
        for number in range(500):
            key = b"%d@%d" % (1000 + number, 9000 + number)
            boot.processes[key] = Process(key, [b"p%d" % number])
            boot.tables[b"process"][key] = all_series[number % 7]
        sides.append([recording])
    assert len(compared_runs(*sides).programs) == 507
