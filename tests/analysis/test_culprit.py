"""Who filled the memory, in one name, for real kills: with the recording before them, and from the report alone."""

from __future__ import annotations

from pathlib import Path

import pytest

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
