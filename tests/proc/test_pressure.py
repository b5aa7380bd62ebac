"""/proc/pressure."""

from __future__ import annotations

import pytest

from lastgasp.proc import pressure
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, TREES, X86
from trees import Tree

SOME = b"some avg10=5.15 avg60=1.28 avg300=0.28 total=835661\n"
FULL = b"full avg10=3.18 avg60=0.79 avg300=0.17 total=536480\n"


@pytest.mark.parametrize(
    ("tree", "source", "expected"),
    [
        (ARMHF, "memory", (835661, 536480)),
        (ARMHF, "io", (64614, 34290)),
        (ARMHF, "cpu", (3353165, 0)),
        (ARM64, "memory", (597160, 419492)),
        (ARM64, "io", (60976, 44044)),
        (ARM64, "cpu", (2330016, 0)),
        (X86, "memory", (0, 0)),
        (X86, "io", (9496870, 8613008)),
        (X86, "cpu", (40353463, 0)),
    ],
)
def test_captured_pressure(tree: Tree, source: str, expected: tuple[int, int]) -> None:
    assert pressure.parse(tree.files[f"proc/pressure/{source}"]) == expected


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_of_interrupts_these_kernels_tell_nothing(tree: Tree) -> None:
    assert tree.errors["proc/pressure/irq"] == "ENOENT"


def test_before_5_13_the_full_stall_of_the_cpu_is_absent() -> None:
    assert pressure.parse(SOME) == (835661, None)


def test_of_interrupts_some_stall_is_absent() -> None:
    assert pressure.parse(FULL) == (None, 536480)


def test_a_line_of_another_kind_is_not_taken_for_one_of_these() -> None:
    assert pressure.parse(SOME.replace(b"some", b"somewhat") + FULL.replace(b"full", b"fuller")) == (None, None)


@pytest.mark.parametrize("raw", [b"", b"\n", b"some\n", b"some avg10=5.15\n", b"some total=\n", SOME[:-1], SOME[:-2]])
def test_a_line_without_its_end_is_absent(raw: bytes) -> None:
    assert pressure.parse(raw) == (None, None)


@pytest.mark.parametrize("word", NO_NUMBERS)
def test_a_total_that_makes_no_sense_is_absent(word: bytes) -> None:
    assert pressure.parse(b"some avg10=0.00 total=%s\n" % word + FULL) == (None, 536480)


def test_a_total_below_zero_is_negative() -> None:
    assert pressure.parse(b"some avg10=0.00 total=%s\n" % MINUS_ONE) == (-1, None)
