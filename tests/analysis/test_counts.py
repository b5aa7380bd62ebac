"""Threads, open files, processes and sockets: who leaks them is told, in their own unit, and nobody else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from benchmarks.real import labels
from lastgasp.analysis.counts import Counted, CountGrowth, count_growths, unrecorded
from lastgasp.analysis.shape.trend import Confidence, Shape
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Recording
from lastgasp.timeline.window import since
from scene import Scene

RECORDINGS = Path(__file__).parents[1] / "recordings"


@cache
def real(name: str) -> Recording:
    (recording,) = load(str(RECORDINGS / "real" / f"{name}.ring.gz"))
    return recording


def leaks(recording: Recording) -> dict[tuple[bytes | None, Counted], CountGrowth]:
    return {(one.name, one.what): one for one in count_growths(recording)}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring", slots=256).boot()


def loaded(scene: Scene) -> Recording:
    return scene.flush().load()


def until(recording: Recording, at_ms: int) -> Recording:
    """As if it had ended then."""
    (boot,) = recording.boots
    return Recording(recording.name, recording.ring_id, [cut(boot, at_ms)])


def cut(boot: Boot, at_ms: int) -> Boot:
    found = Boot(boot.boot_id)
    found.first_ms, found.last_ms = boot.first_ms, at_ms
    found.events, found.offsets = boot.events, boot.offsets
    kept = sum(at <= at_ms for at in boot.sample_at)
    found.sample_at, found.sample_flags = boot.sample_at[:kept], boot.sample_flags[:kept]
    for key, process in boot.processes.items():
        gone_ms = process.gone_ms if process.gone_ms is not None and process.gone_ms <= at_ms else None
        found.processes[key] = type(process)(key, process.names, process.attributes, gone_ms)
    for table in (b"process", b"process.details", b"sockstat"):
        for key, every in boot.tables.get(table, {}).items():
            for series in every:
                known = sum(at <= at_ms for at in series.at)
                if known:
                    one = type(series)(series.columns)
                    one.at, one.flat = series.at[:known], series.flat[: known * series.width]
                    found.tables.setdefault(table, {}).setdefault(key, []).append(one)
    return found


# -- real programs -------------------------------------------------------------------------------------


def test_who_never_closes_a_pipe_is_told_with_what_it_is() -> None:
    """Two open files every 2.5 s, as truth.toml says of file-leak."""
    found = leaks(real("programs"))[b"file-leak", Counted.FILES]
    assert found.verdict.confidence is Confidence.HIGH
    assert (found.first, found.last, found.verdict.grown) == (33, 2141, 2108)
    assert found.verdict.per_s == pytest.approx(2 / 2.5, rel=0.03)
    assert [kind for kind, _ in found.kinds] == ["pipes"]
    assert found.pid == 56


def test_who_starts_threads_that_never_end_is_told_too() -> None:
    """One every 7 s."""
    found = leaks(real("programs"))[b"thread-leak", Counted.THREADS]
    assert found.verdict.confidence is Confidence.HIGH
    assert found.verdict.per_s == pytest.approx(1 / 7, rel=0.03)


def test_a_leak_of_threads_that_ends_with_an_oom_kill_is_told() -> None:
    (recording,) = load(str(RECORDINGS / "oom" / "groups-4.ring.gz"))
    assert leaks(recording)[b"threaded", Counted.THREADS].verdict.grown > 700


@pytest.mark.parametrize("name", ["programs", "sound", "driven"])
def test_of_all_other_real_programs_nothing_is_claimed_whenever_one_asks(name: str) -> None:
    """Connections that come and go in waves of ten minutes, the sockets of the machine with them."""
    recording = real(name)
    boot = recording.boots[0]
    truths = labels.read(RECORDINGS / "real" / "truth.toml")
    guilty = {label.encode() for label, truth in truths.items() if truth.leaks}
    asked = 0
    for at_ms in range(boot.first_ms + 120_000, boot.last_ms + 120_000, 120_000):
        asked += 1
        claimed = leaks(until(recording, min(at_ms, boot.last_ms)))
        assert not [one for one in claimed if one[0] not in guilty], at_ms - boot.first_ms
    assert asked > 4


def test_the_file_leak_is_found_early_and_from_then_on() -> None:
    """It needs the 16 readings that a leak needs: one in 43 s."""
    recording = real("programs")
    boot = recording.boots[0]
    for minute in range(15, 45, 3):
        assert (b"file-leak", Counted.FILES) in leaks(until(recording, boot.first_ms + minute * 60_000))


def test_a_leak_is_judged_anew_from_a_mark_on() -> None:
    recording = real("programs")
    later = since(recording, 1, recording.boots[0].first_ms + 1_200_000)
    found = leaks(later)[b"file-leak", Counted.FILES]
    assert 900 < found.first < found.last == 2141


# -- made up -------------------------------------------------------------------------------------------


def test_a_few_more_are_no_leak(scene: Scene) -> None:
    scene.run(200, b"served", 900, files=lambda s: 10 + s / 50, threads=lambda s: 2 + s // 60)
    scene.record(300)
    assert count_growths(loaded(scene)) == []


def test_a_pool_of_threads_that_fills_is_none(scene: Scene) -> None:
    scene.run(200, b"served", 900, threads=lambda s: min(2 + s // 2, 40))
    scene.record(600)
    assert count_growths(loaded(scene)) == []


def test_processes_that_never_end_are_told_by_their_program(scene: Scene) -> None:
    for n in range(120):
        scene.run(300 + n, b"job", 200)
        scene.record(3)
    (found,) = count_growths(loaded(scene))
    assert (found.what, found.name, found.pid) == (Counted.PROCESSES, b"job", None)
    assert found.verdict.per_s == pytest.approx(1 / 3, rel=0.05)
    assert found.last == 120


def test_processes_that_come_and_go_are_not(scene: Scene) -> None:
    for n in range(200):
        scene.run(300 + n, b"job", 200)
        if n >= 10:
            scene.end(300 + n - 10)
        scene.record(2)
    assert count_growths(loaded(scene)) == []


def test_of_several_boots_the_worst_life_speaks_and_all_are_counted(scene: Scene) -> None:
    for boot, rate in enumerate((2, 3), 1):
        scene.boot(boot)
        scene.run(200, b"leaky", 900, files=lambda s, rate=rate: 10 + rate * s)
        scene.record(100).flush()
    (found,) = count_growths(loaded(scene))
    assert (found.lives, found.leaking, found.since.boot) == (2, 2, 2)
    assert found.verdict.grown == pytest.approx(300, rel=0.05)


def test_what_was_not_recorded_is_not_taken_for_none(scene: Scene) -> None:
    scene.run(200, b"served", 900, adj=0)  # its details were read, but not its open files
    scene.record(60)
    recording = loaded(scene)
    assert unrecorded(recording) == [Counted.FILES, Counted.SOCKETS]
    assert unrecorded(real("programs")) == []


def test_the_end_of_a_life_is_the_end_of_its_curve(scene: Scene) -> None:
    scene.run(200, b"leaky", 900, files=lambda s: 10 + s)
    scene.record(100)
    scene.end(200)
    scene.record(200)
    (found,) = count_growths(loaded(scene))
    assert found.verdict.shape is Shape.LEAK
    assert found.verdict.until_ms == 110_000
