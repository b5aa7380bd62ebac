"""Who filled the memory, in one name, for real kills: with the recording before them, and from the report alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from filled import FILLED
from lastgasp.analysis.oom.cause import cause
from lastgasp.analysis.oom.culprit import By, Culprit, culprit
from lastgasp.analysis.oom.kills import choices, explanations
from lastgasp.oom.parser import parse
from lastgasp.timeline.load import load

TESTS = Path(__file__).parents[1]
SHARED = b"shared memory and tmpfs files"


def of_recording(name: str) -> Culprit | None:
    (recording,) = load(str(TESTS / "recordings" / f"{name}.ring.gz"))
    return next(explanations(recording)).culprit


def of_log(name: str) -> Culprit | None:
    report, choice = next(iter(choices(parse((TESTS / "oomlogs" / name).read_bytes().splitlines(keepends=True)))))
    return culprit(cause(report, choice), choice, None)


@pytest.mark.parametrize(
    ("name", "culprit", "killed"),
    [
        ("armhf-6.1-adj-down", b"leaker", False),
        ("armhf-6.1-memcg-adj", b"leaker", False),
        ("armhf-6.1-protected-leaker", b"leaker", False),
        ("armhf-6.1-vfork", b"launcher", True),
        ("armhf-6.1-tune", SHARED, False),  # a shielded process held most of what processes do, but took no more
        ("arm64-6.1-tune", SHARED, False),  # it even took more in all, but nothing of the last
        ("arm64-6.1-zram", b"leaker", True),  # what nobody accounts for is its own memory, swapped
    ],
)
def test_a_recording_tells_who_took_the_memory(name: str, culprit: bytes, killed: bool) -> None:
    found = of_recording(name)
    assert found is not None
    assert (found.name, found.killed) == (culprit, killed)
    assert found.program == (culprit != SHARED) == (found.pid is not None)
    assert found.by in (By.GROWTH, By.TAKEN) and found.over_ms is not None and found.bytes > 8 << 20


@pytest.mark.parametrize(
    ("name", "culprit", "killed"),
    [
        ("armhf-global-c.txt", b"leaker", True),
        ("armhf-adj.txt", b"leaker", False),
        ("armhf-tmpfs.txt", SHARED, False),
        ("armhf-slab2.txt", b"memory of the kernel", False),
        ("armhf-memcg.txt", b"leaker", True),
    ],
)
def test_a_report_alone_tells_who_held_most(name: str, culprit: bytes, killed: bool) -> None:
    found = of_log(name)
    assert found is not None
    assert (found.name, found.killed, found.by, found.over_ms) == (culprit, killed, By.HELD, None)


@pytest.mark.parametrize("name", ["armhf-overcommit2.txt", "armhf-sysrq-f.txt"])
def test_nobody_is_named_where_memory_was_not_filled(name: str) -> None:
    assert of_log(name) is None


def of_story(name: str, folder: Path) -> Culprit | None:
    FILLED[name](folder / "story.lgr")
    (recording,) = load(str(folder / "story.lgr"))
    return next(explanations(recording)).culprit


def test_a_program_that_was_restarted_took_nothing_by_it(tmp_path: Path) -> None:
    found = of_story("restarted", tmp_path)
    assert found is not None
    assert (found.name, found.bytes) == (b"eater", 34_500 << 10)


def test_who_started_late_took_it_in_the_time_of_its_life(tmp_path: Path) -> None:
    found = of_story("new_and_large", tmp_path)
    assert found is not None
    assert (found.name, found.pid, found.bytes) == (b"newcomer", 300, 40_000 << 10)
    assert found.over_ms is not None and 290_000 <= found.over_ms < 305_000


def test_a_leaker_that_was_killed_before_took_it_again(tmp_path: Path) -> None:
    found = of_story("killed_again", tmp_path)
    assert found is not None
    assert found.name == b"bad" and found.bytes > 38_000 << 10


def test_nobody_is_named_where_many_took_it_together(tmp_path: Path) -> None:
    assert of_story("ten_alike", tmp_path) is None


def test_one_of_many_who_took_most_is_named(tmp_path: Path) -> None:
    found = of_story("one_of_ten", tmp_path)
    assert found is not None
    assert (found.name, found.bytes) == (b"late", 12_500 << 10)
