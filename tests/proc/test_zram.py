"""mm_stat of zram."""

from __future__ import annotations

import pytest

from lastgasp.proc import zram
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, X86
from trees import Tree


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ARMHF, (5414912, 1697521, 3272704, 0, 3330048, 0)),
        (ARM64, (5513216, 1690835, 3428352, 0, 3473408, 0)),
        (X86, (0, 0, 0, 0, 0, 0)),
    ],
)
def test_captured_devices(tree: Tree, expected: tuple[int, ...]) -> None:
    assert zram.parse(tree.files["sys/block/zram0/mm_stat"]) == expected


def test_4_9_tells_seven_numbers() -> None:
    assert zram.parse(b"   4096     1024    12288        5    16384        6        7\n") == (
        4096, 1024, 12288, 5, 16384, 6,
    )  # fmt: skip


@pytest.mark.parametrize("raw", [b"", b"\n", b"4096 1024 12288 0 16384 6 7"])
def test_a_file_that_was_cut_short_is_absent(raw: bytes) -> None:
    assert zram.parse(raw) == (None,) * 6


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word])
def test_a_value_that_makes_no_sense_is_absent(word: bytes) -> None:
    assert zram.parse(b"4096 %s 12288 0 16384 6\n" % word) == (4096, None, 12288, 0, 16384, 6)


def test_a_value_below_zero_is_negative() -> None:
    assert zram.parse(b"4096 1024 12288 0 %s 6\n" % MINUS_ONE)[4] == -1
