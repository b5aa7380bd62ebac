"""/proc/loadavg."""

from __future__ import annotations

import pytest

from lastgasp.proc import loadavg
from proc.support import ARM64, ARMHF, NO_NUMBERS, X86
from trees import Tree


@pytest.mark.parametrize(
    ("tree", "expected"), [(ARMHF, (7, 2, 0, 67)), (ARM64, (15, 3, 1, 67)), (X86, (23, 57, 54, 327))]
)
def test_captured_loads(tree: Tree, expected: tuple[int, ...]) -> None:
    assert loadavg.parse(tree.files["proc/loadavg"]) == expected


def test_a_load_over_one_is_over_a_hundred() -> None:
    assert loadavg.parse(b"12.05 3.40 100.00 7/2048 65535\n") == (1205, 340, 10000, 2048)


@pytest.mark.parametrize("raw", [b"", b"\n", b"0.20 0.18 0.12\n", b"0.20 0.18 0.12 1/8"])
def test_a_line_that_was_cut_short_is_absent(raw: bytes) -> None:
    assert loadavg.parse(raw) == (None,) * 4


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word not in (b"", b"1.5")])
def test_a_value_that_makes_no_sense_is_absent(word: bytes) -> None:
    assert loadavg.parse(b"%s 0.18 0.12 1/%s 5\n" % (word, word)) == (None, 18, 12, None)


def test_a_missing_number_of_tasks_is_absent() -> None:
    assert loadavg.parse(b"0.01 0.18 0.12 5 5\n") == (1, 18, 12, None)
