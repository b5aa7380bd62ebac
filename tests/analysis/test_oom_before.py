"""What a recording adds to a report: findings, and nothing beyond the evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.analysis.oom.before import Before, Finding
from lastgasp.analysis.shape.trend import Shape
from lastgasp.cli.oom_source import read
from lastgasp.report.oom.page import Explained
from oomstories import LEAKER, STORIES, begin, kill, populate, said
from stories import STORIES as OTHER_STORIES

LOG = "armhf-global-c.txt"


def explained(story: str, folder: Path) -> list[Explained]:
    path = folder / "story.lgr"
    STORIES[story](path)
    return read(str(path)).found


def before(story: str, folder: Path) -> Before:
    found = explained(story, folder)[0].before
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("story", "finding"),
    [
        ("leak_ends_in_its_kill", Finding.LEAKS),
        ("large_but_steady", Finding.STEADY),
        ("sawtooth", Finding.SAWTOOTH),
        ("cache_filled", Finding.FILLED),
        ("too_short", Finding.TOO_SHORT),
        ("older_than_the_recording", Finding.UNKNOWN),
        ("tmpfs_fills", Finding.SHARED),
        ("slab_grows", Finding.KERNEL),
        ("shielded_leaker", Finding.LEAKS),
        ("kill_loop", Finding.LEAKS),
    ],
)
def test_each_shape_is_its_own_finding(story: str, finding: Finding, tmp_path: Path) -> None:
    assert before(story, tmp_path).finding == finding


def test_a_leak_is_measured_up_to_the_report(tmp_path: Path) -> None:
    found = before("leak_ends_in_its_kill", tmp_path)
    assert found.program is not None
    assert found.program.pid == LEAKER
    assert found.program.verdict.per_s == pytest.approx(24.2 * 1024, rel=0.02)  # as the story says
    assert found.sampled_ms == 800
    assert [size.before_ms for size in found.sizes] == [600_000, 60_000, 800]
    sizes = [size.bytes for size in found.sizes]
    assert sizes == sorted(sizes)
    assert found.program.where is not None
    assert found.program.where.places[0].name == b"/usr/lib/libvendor.so.3"
    assert [load.name for load in found.loads] == ["received from the network"]
    assert found.loads[0].per_s > 3 * found.loads[0].before_per_s == 0
    assert [(one.kind, one.text) for one in found.happened] == [
        ("mark", b"test 7"),
        ("started", b"httpd"),
        ("started", b"sh"),
        ("ended", b"sh"),
    ]


def test_one_who_lives_on_is_judged_as_if_the_recording_had_ended(tmp_path: Path) -> None:
    """The shielded one grows on after the first report, which must not know of it."""
    found = explained("shielded_leaker", tmp_path)
    first, last = found[0].before, found[-1].before
    assert first is not None and first.program is not None
    assert last is not None and last.program is not None
    assert first.program.to_bytes < 51 << 20 < last.program.to_bytes
    assert first.program.verdict.until_ms <= first.at.uptime_ms


def test_a_hundred_starts_are_one_entry(tmp_path: Path) -> None:
    scene = begin(tmp_path / "r")
    populate(scene, LOG, {})
    scene.record(120)
    for pid in range(1000, 1100):
        scene.run(pid, b"sh", 50)
        scene.record(5)
        scene.end(pid, 0)
    scene.record(10)
    kill(scene, LOG)
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert [(one.kind, one.text, one.times) for one in found.happened] == [
        ("started", b"sh", 100),
        ("ended", b"sh", 100),
    ]


def test_another_program_under_the_same_pid_is_not_taken_for_it(tmp_path: Path) -> None:
    scene = begin(tmp_path / "r")
    scene.run(LEAKER, b"other", lambda t: 900 + 24 * t)
    scene.record(600)
    kill(scene, LOG)
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert found.finding == Finding.UNKNOWN
    assert found.program is None


def test_one_that_ended_long_before_is_not_the_victim(tmp_path: Path) -> None:
    """Its pid was given to the victim, which lived between two samples only."""
    scene = begin(tmp_path / "r")
    scene.run(LEAKER, b"leaker", lambda t: 900 + 24 * t)
    scene.record(600)
    scene.end(LEAKER)
    scene.record(60)
    kill(scene, LOG)
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert found.program is None


def test_a_leak_too_small_to_matter_is_not_to_blame(tmp_path: Path) -> None:
    """hogA leaks 400 kB a minute... of 3 MB, while leaker is large from its start."""
    scene = begin(tmp_path / "r")
    small = next(pid for pid in (85, 86, 87, 88, 89, 90) if pid != LEAKER)
    populate(scene, LOG, {small: lambda t: 200 + t})
    scene.record(1200)
    kill(scene, LOG)
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert found.finding == Finding.STEADY
    assert found.program is not None and found.program.verdict.shape is Shape.STEADY


def test_who_started_shortly_before_and_took_much_is_told(tmp_path: Path) -> None:
    """Nobody leaks; a program that was started five minutes before is what was too much."""
    scene = begin(tmp_path / "r")
    populate(scene, LOG, {89: 300})
    scene.end(89)
    scene.record(1200)
    scene.run(89, b"hogA", 20_000)
    scene.record(300)
    kill(scene, LOG)
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert found.finding == Finding.STEADY
    assert [life.name for life in found.also] == [b"hogA"]


def test_a_leak_is_weighed_against_the_limit_of_its_group(tmp_path: Path) -> None:
    """The kernel printed no table; who is large outside the group is not to blame for its limit."""
    path = tmp_path / "r"
    OTHER_STORIES["leak_ends_in_a_group_kill"](path)
    found = read(str(path)).found[0].before
    assert found is not None
    assert found.finding == Finding.LEAKS
    assert found.program is not None and found.program.name == b"sensord"
    assert found.also == ()


def test_the_kernels_clock_may_run_ahead(tmp_path: Path) -> None:
    """Seen on a busy arm64 machine: by the kernel's clock the report came over a second after the victim's end."""
    scene = begin(tmp_path / "r", interval_s=1.0)
    populate(scene, LOG, {LEAKER: lambda t: 900 + 200 * t})
    scene.record(280)
    ahead_us = (scene.now_ms + 1500) * 1000
    scene.end(LEAKER, 9)
    records = [b"4,%d,%d,-;%s" % (number, ahead_us, line) for number, line in enumerate(said(LOG))]
    scene.at_s += 0.1
    scene.encoder.kmsg(scene.now_ms, records)
    scene.record(10)
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert found.finding == Finding.LEAKS
    assert found.sampled_ms == 999  # the last one with the victim in it
    assert found.available[-1] is not None and found.available[-1] < 60 << 20


def test_growth_too_fast_for_a_trend_is_still_growth(tmp_path: Path) -> None:
    """The report says that tmpfs is where the memory was; that it came there in two seconds is enough."""
    scene = begin(tmp_path / "r", interval_s=1.0)
    populate(scene, "armhf-tmpfs.txt", {})
    scene.record(3)
    for kb in (30_000, 60_000):
        scene.meminfo |= {"Shmem": kb, "Cached": kb + 1_000}
        scene.record(1)
    kill(scene, "armhf-tmpfs.txt")
    scene.stop()
    found = read(str(tmp_path / "r")).found[0].before
    assert found is not None
    assert found.finding == Finding.SHARED
    assert found.grown == ((60_000 - 11_000) * 1024, found.recorded_ms)
