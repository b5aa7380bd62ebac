"""/proc/slabinfo."""

from __future__ import annotations

import pytest

from lastgasp.proc import slabinfo
from proc.support import ARM64, ARMHF, NO_NUMBERS, X86, lines
from trees import Tree

TAIL = b" : tunables    0    0    0 : slabdata     33     %s      0"


def row(name: bytes, slabs: bytes, pages: bytes = b"2") -> bytes:
    return name + b"    330    330    816   10    " + pages + TAIL % slabs


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (
            ARMHF,
            [
                (b"inode_cache", (10710, 10710, 432, 1190, 1)),
                (b"dentry", (11430, 11430, 136, 381, 1)),
                (b"kernfs_node_cache", (10350, 10350, 88, 225, 1)),
            ],
        ),
        (
            ARM64,
            [
                (b"inode_cache", (10020, 10020, 640, 835, 2)),
                (b"dentry", (10731, 10731, 192, 511, 1)),
                (b"kernfs_node_cache", (10880, 10880, 128, 340, 1)),
            ],
        ),
        (
            X86,
            [
                (b"ext4_inode_cache", (89690, 89726, 1128, 6409, 4)),
                (b"radix_tree_node", (61412, 61488, 584, 4392, 2)),
                (b"dentry", (109116, 109116, 192, 5196, 1)),
            ],
        ),
    ],
)
def test_the_largest_captured_caches(tree: Tree, expected: list[tuple[bytes, tuple[int, ...]]]) -> None:
    assert slabinfo.parse_largest(lines("proc/slabinfo", tree), 3) == expected


def test_fewer_caches_than_asked_for_are_all_there_are() -> None:
    # 136 lines less the two of the head.
    assert len(slabinfo.parse_largest(lines("proc/slabinfo", ARMHF), 1000)) == 134


def test_the_size_is_in_pages_not_in_slabs() -> None:
    found = slabinfo.parse_largest([row(b"small", b"30", b"1"), row(b"large", b"5", b"8")], 1)
    assert found == [(b"large", (330, 330, 816, 5, 8))]


def test_a_name_may_hold_blanks() -> None:
    assert slabinfo.parse_largest([row(b"my driver's 2 cache ", b"33")], 1) == [
        (b"my driver's 2 cache", (330, 330, 816, 33, 2))
    ]


def test_the_statistics_of_the_old_allocator_are_passed_over() -> None:
    line = row(b"dentry ", b"33") + b" : globalstat   1 2 3 4 5 6 7 8 9 : cpustat 10 11 12 13"
    assert slabinfo.parse_largest([line], 1) == [(b"dentry", (330, 330, 816, 33, 2))]


def test_none_are_none() -> None:
    assert slabinfo.parse_largest([], 12) == []
    assert slabinfo.parse_largest(lines("proc/slabinfo", ARMHF)[:2], 12) == []  # the head


@pytest.mark.parametrize("word", NO_NUMBERS)
def test_a_row_with_a_number_that_makes_no_sense_is_left_out_and_the_others_stay(word: bytes) -> None:
    good = row(b"good ", b"33")
    for bad in (row(b"bad ", word), row(b"bad ", b"33", word), row(b"bad ", b"33").replace(b"816", word)):
        assert slabinfo.parse_largest([bad, good, bad], 12) == [(b"good", (330, 330, 816, 33, 2))]


@pytest.mark.parametrize("end", range(len(row(b"x", b"33")) - len(b" 33      0")))
def test_a_row_that_was_cut_short_is_left_out(end: int) -> None:
    assert slabinfo.parse_largest([row(b"x", b"33")[:end]], 1) == []
