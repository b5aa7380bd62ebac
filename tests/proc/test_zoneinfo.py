"""/proc/zoneinfo."""

from __future__ import annotations

import pytest

from lastgasp.proc import zoneinfo
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, X86, lines
from trees import Tree

# A zone as mm/vmstat.c of 4.9 prints it: no boost, no cma, the protection behind the counters.
ZONE_4_9 = b"""\
Node 0, zone   Normal
  per-node stats
      nr_inactive_anon 5
  pages free     3976
        min      1041
        low      1301
        high     1561
   node_scanned  0
        spanned  65536
        present  65536
        managed  62985
      nr_free_pages 3976
        protection: (0, 0)
  pagesets
    cpu: 0
              count: 25
              high:  186
              batch: 31
  vm stats threshold: 2
"""


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ARMHF, [(b"0 DMA", (17291, 328, 410, 492, 27797))]),
        (ARM64, [(b"0 DMA", (10966, 304, 380, 456, 25233))]),
        (
            X86,
            [
                (b"0 DMA", (3840, 47, 58, 69, 3840)),
                (b"0 DMA32", (772917, 9556, 11945, 14334, 772917)),
                (b"0 Normal", (433173, 7292, 9115, 10938, 589824)),
            ],
        ),
    ],
)
def test_captured_zones_that_manage_pages(tree: Tree, expected: list[tuple[bytes, tuple[int, ...]]]) -> None:
    assert zoneinfo.parse(lines("proc/zoneinfo", tree)) == expected


def test_4_9_says_the_same_in_another_order() -> None:
    assert zoneinfo.parse(ZONE_4_9.splitlines()) == [(b"0 Normal", (3976, 1041, 1301, 1561, 62985))]


def test_nodes_are_told_apart() -> None:
    other = ZONE_4_9.replace(b"Node 0,", b"Node 12,")
    assert [name for name, _ in zoneinfo.parse((ZONE_4_9 + other).splitlines())] == [b"0 Normal", b"12 Normal"]


def test_a_watermark_that_is_missing_is_absent() -> None:
    raw = ZONE_4_9.replace(b"        low      1301\n", b"")
    assert zoneinfo.parse(raw.splitlines()) == [(b"0 Normal", (3976, 1041, None, 1561, 62985))]


@pytest.mark.parametrize("word", NO_NUMBERS)
def test_a_watermark_that_makes_no_sense_is_absent(word: bytes) -> None:
    raw = ZONE_4_9.replace(b"1301", word)
    assert zoneinfo.parse(raw.splitlines()) == [(b"0 Normal", (3976, 1041, None, 1561, 62985))]


def test_a_count_below_zero_is_negative() -> None:
    raw = ZONE_4_9.replace(b"free     3976", b"free     " + MINUS_ONE)
    assert zoneinfo.parse(raw.splitlines()) == [(b"0 Normal", (-1, 1041, 1301, 1561, 62985))]


def test_a_list_that_ends_before_it_tells_what_is_managed_has_no_zone() -> None:
    assert zoneinfo.parse(ZONE_4_9.splitlines()[:10]) == []
    assert zoneinfo.parse([]) == zoneinfo.parse(ZONE_4_9.splitlines()[1:]) == []
