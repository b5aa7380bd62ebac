"""/proc/stat."""

from __future__ import annotations

import pytest

from lastgasp.proc import stat
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, X86, lines
from trees import Tree

RAW = b"""\
cpu  1 2 3 4 5 6 7 8 9 10
cpu0 1 2 3 4 5 6 7 8 9 10
intr 9 0 1
ctxt 11
btime 12
processes 13
procs_running 14
procs_blocked 15
softirq 1 2
"""
VALUES = (1, 2, 3, 5, 6, 7, 8, 11, 13, 14, 15)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ARMHF, (254, 0, 774, 1, 0, 14, 0, 4036, 147, 1, 0)),
        (ARM64, (220, 0, 619, 1, 0, 9, 0, 3921, 151, 1, 0)),
        (X86, (86701, 0, 17972, 1146, 0, 439, 13141, 2693018, 14952, 2, 0)),
    ],
)
def test_captured_counts(tree: Tree, expected: tuple[int, ...]) -> None:
    assert stat.parse(tree.files["proc/stat"]) == expected


def test_the_column_that_tells_of_births() -> None:
    # recorder.system takes it by its place.
    assert stat.COLUMNS[8] == b"processes"


def test_idle_time_is_left_out() -> None:
    assert stat.parse(RAW) == VALUES


def test_a_kernel_that_tells_fewer_kinds_of_time_has_the_others_absent() -> None:
    assert stat.parse(b"cpu 1 2 3 4\nctxt 11\n") == (1, 2, 3, *[None] * 4, 11, None, None, None)


@pytest.mark.parametrize("raw", [b"", b"\n", b"cpu", b"cpu  1 2 3 4", b"cpu0 1 2 3 4\n", b"intr 5\n", b"xctxt 5\n"])
def test_what_is_not_there_is_absent(raw: bytes) -> None:
    assert stat.parse(raw) == (None,) * len(stat.COLUMNS)


def test_a_file_that_was_cut_in_its_long_line_has_no_counts() -> None:
    assert stat.parse(RAW[: RAW.index(b" 0 1\n")]) == (*VALUES[:7], *[None] * 4)


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word])
def test_a_value_that_makes_no_sense_is_absent(word: bytes) -> None:
    raw = RAW.replace(b"cpu  1 ", b"cpu  %s " % word).replace(b"ctxt 11", b"ctxt " + word)
    assert stat.parse(raw) == (None, *VALUES[1:7], None, *VALUES[8:])


def test_a_counter_below_zero_is_negative() -> None:
    assert stat.parse(RAW.replace(b"procs_blocked 15", b"procs_blocked " + MINUS_ONE))[10] == -1


@pytest.mark.parametrize(("tree", "count"), [(ARMHF, 1), (ARM64, 1), (X86, 2)])
def test_cpus_are_counted(tree: Tree, count: int) -> None:
    assert stat.cpus(lines("proc/stat", tree)) == count


def test_only_lines_of_single_cpus_are_counted() -> None:
    assert stat.cpus([b"cpu  1", b"cpu0 1", b"cpu15 1", b"cpuidle", b"cpu", b"", b"xcpu0"]) == 2
