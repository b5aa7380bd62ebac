"""/proc/PID/io."""

from __future__ import annotations

import pytest

from lastgasp.proc import pid_io
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, TREES, X86, of
from trees import Tree


@pytest.mark.parametrize(
    ("tree", "comm", "expected"),
    [
        (ARMHF, b"init", (1411207, 65, 1316864, 0)),
        (ARMHF, b"grower", (0, 1658, 106496, 0)),
        (ARM64, b"grower", (0, 1483, 290816, 0)),
        (X86, b"grower", (0, 1560, 0, 0)),
        (ARMHF, b"kworker/u2:0-events_unbound", (0, 2677704, 0, 0)),
    ],
)
def test_captured_processes(tree: Tree, comm: bytes, expected: tuple[int, ...]) -> None:
    assert pid_io.parse(of(tree, comm, "io")) == expected


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_cancelled_writes_are_not_taken_for_writes(tree: Tree) -> None:
    raw = of(tree, b"zombie", "io").replace(b"cancelled_write_bytes: 0", b"cancelled_write_bytes: 5")
    assert pid_io.parse(raw)[3] == 0


def test_what_may_not_be_read_is_absent() -> None:
    assert pid_io.parse(b"") == (None,) * 4


def test_without_accounting_of_storage_that_is_absent() -> None:
    assert pid_io.parse(b"rchar: 5\nwchar: 6\nsyscr: 7\nsyscw: 8\n") == (5, 6, None, None)


@pytest.mark.parametrize("word", NO_NUMBERS)
def test_a_value_that_makes_no_sense_is_absent(word: bytes) -> None:
    assert pid_io.parse(b"rchar: 5\nwchar: %s\n" % word) == (5, None, None, None)


def test_a_counter_below_zero_is_negative() -> None:
    assert pid_io.parse(b"rchar: %s\n" % MINUS_ONE)[0] == -1
