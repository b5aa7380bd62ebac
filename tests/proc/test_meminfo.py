"""/proc/meminfo, through ``counters``."""

from __future__ import annotations

import pytest

from lastgasp.proc import counters, meminfo
from proc.support import ARM64, ARMHF, X86
from trees import Tree

# Laid out as by a 3.10 kernel: no MemAvailable, no CMA, no Percpu …
RAW_3_10 = b"""\
MemTotal:         252740 kB
MemFree:          180252 kB
Buffers:            2072 kB
Cached:            23640 kB
SwapCached:            0 kB
Dirty:                 0 kB
AnonPages:         26104 kB
Shmem:               520 kB
Slab:              12120 kB
SReclaimable:       3628 kB
SUnreclaim:         8492 kB
"""


def values(raw: bytes, names: tuple[bytes, ...]) -> dict[bytes, int]:
    layout = counters.learn(raw, names, b":")
    picked = counters.pick(raw, layout)
    assert picked is not None
    return dict(zip(layout.names, picked, strict=True))


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ARMHF, [69164, 78296, 216, 8928, 11004, 140, 0, 14240, 1348, 6840, 3768, 520, 412, 67652, 16128]),
        (ARM64, [43936, 59188, 224, 12156, 10748, 0, 0, 17792, 1896, 9632, 7360, 1040, 780, 90164, 0]),
    ],
)
def test_6_1_has_all_that_moves(tree: Tree, expected: list[int]) -> None:
    assert values(tree.files["proc/meminfo"], meminfo.FAST) == dict(zip(meminfo.FAST, expected, strict=True))


def test_a_kernel_without_cma_has_all_but_cma() -> None:
    found = values(X86.files["proc/meminfo"], meminfo.FAST)
    assert found.pop(b"MemAvailable") == 24158356
    assert found.pop(b"Committed_AS") == 274164
    assert tuple(found) == tuple(
        name for name in meminfo.FAST if name not in (b"MemAvailable", b"Committed_AS", b"CmaFree")
    )
    assert list(found.values()) == [24057436, 3520, 230776, 0, 104, 0, 99492, 9016, 177560, 33548, 5216, 13300]


def test_what_tells_where_the_rest_is_on_armhf() -> None:
    assert values(ARMHF.files["proc/meminfo"], meminfo.SLOW) == {
        b"MemTotal": 111188,
        b"SwapTotal": 16380,
        b"SwapCached": 0,
        b"Active(anon)": 32,
        b"Inactive(anon)": 15512,
        b"Active(file)": 4496,
        b"Inactive(file)": 3300,
        b"Unevictable": 0,
        b"Mlocked": 0,
        b"HighTotal": 0,
        b"HighFree": 0,
        b"LowTotal": 111188,
        b"LowFree": 69164,
        b"Mapped": 6436,
        b"KReclaimable": 6840,
        b"SecPageTables": 0,
        b"Bounce": 0,
        b"CommitLimit": 71972,
        b"VmallocUsed": 1988,
        b"Percpu": 96,
        b"Zswap": 0,
        b"Zswapped": 0,
        b"CmaTotal": 16384,
    }


def test_counts_of_huge_pages_carry_no_unit() -> None:
    found = values(ARM64.files["proc/meminfo"], meminfo.SLOW)
    assert (found[b"HugePages_Total"], found[b"Hugepagesize"], found[b"Hugetlb"]) == (0, 2048, 0)


def test_without_high_memory_it_is_absent_and_not_zero() -> None:
    for tree in (ARM64, X86):
        assert not {b"HighTotal", b"HighFree", b"LowTotal", b"LowFree"} & set(
            values(tree.files["proc/meminfo"], meminfo.SLOW)
        )


def test_memavailable_is_absent_before_3_14() -> None:
    found = values(RAW_3_10, meminfo.FAST)
    assert b"MemAvailable" not in found
    assert found[b"MemFree"] == 180252
    assert found[b"SUnreclaim"] == 8492
