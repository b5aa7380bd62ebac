"""/proc/diskstats."""

from __future__ import annotations

import pytest

from lastgasp.proc import diskstats
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, X86
from trees import Tree


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ARMHF, [(b"vda", (143, 14814, 13, 8174, 0)), (b"zram0", (1778, 14224, 4138, 33104, 0))]),
        (ARM64, [(b"vda", (172, 19518, 27, 8378, 180)), (b"zram0", (1788, 14304, 4226, 33808, 224))]),
    ],
)
def test_captured_disks(tree: Tree, expected: list[tuple[bytes, tuple[int, ...]]]) -> None:
    assert diskstats.parse(tree.files["proc/diskstats"]) == expected


def test_disks_that_were_never_used_are_left_out() -> None:
    # Eight loop devices and a zram without a size.
    assert diskstats.parse(X86.files["proc/diskstats"]) == [(b"vda", (87082, 4738674, 34363, 9440416, 23444))]


def test_a_disk_that_was_only_written_is_kept() -> None:
    raw = b"   8       0 sda 0 0 0 0 3 0 24 5 0 4 5\n"
    assert diskstats.parse(raw) == [(b"sda", (0, 0, 3, 24, 4))]


def test_kernels_before_4_18_have_no_discards_and_before_5_5_no_flushes() -> None:
    numbers = b" 179       0 mmcblk0 10 1 80 3 20 2 160 4 0 9 7"
    for more in (b"", b" 1 0 8 1", b" 1 0 8 1 3 2"):
        assert diskstats.parse(numbers + more + b"\n") == [(b"mmcblk0", (10, 80, 20, 160, 9))]


@pytest.mark.parametrize("raw", [b"", b"\n", b"8 0 sda 1 2 3\n", b"   8       0 sda 1 0 8 1 3 0 24 5 0 4 5"])
def test_what_is_no_row_is_left_out(raw: bytes) -> None:
    assert diskstats.parse(raw) == []


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word])
def test_a_row_with_a_number_that_makes_no_sense_is_left_out_and_the_others_stay(word: bytes) -> None:
    raw = b"8 0 sda 1 0 %s 1 3 0 24 5 0 4 5\n8 16 sdb 1 0 8 1 3 0 24 5 0 4 5\n" % word
    assert diskstats.parse(raw) == [(b"sdb", (1, 8, 3, 24, 4))]


def test_a_counter_below_zero_is_negative() -> None:
    assert diskstats.parse(b"8 0 sda 1 0 %s 1 3 0 24 5 0 4 5\n" % MINUS_ONE) == [(b"sda", (1, -1, 3, 24, 4))]
