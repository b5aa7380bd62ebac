"""/proc/vmstat, through ``counters``."""

from __future__ import annotations

import pytest

from lastgasp.proc import counters, vmstat
from proc.support import ARM64, ARMHF, X86
from trees import Tree


def values(raw: bytes, names: tuple[bytes, ...]) -> dict[bytes, int]:
    layout = counters.learn(raw, names)
    picked = counters.pick(raw, layout)
    assert picked is not None
    return dict(zip(layout.names, picked, strict=True))


@pytest.mark.parametrize(
    ("tree", "not_zero"),
    [
        (ARMHF, {b"pgmajfault": 1831, b"pswpin": 1776, b"pswpout": 4137, b"workingset_refault_anon": 1776}),
        (ARM64, {b"pgmajfault": 1853, b"pswpin": 1786, b"pswpout": 4225, b"workingset_refault_anon": 1786}),
        (X86, {b"pgmajfault": 3286, b"workingset_refault_file": 321979}),
    ],
)
def test_what_tells_of_reclaim(tree: Tree, not_zero: dict[bytes, int]) -> None:
    found = values(tree.files["proc/vmstat"], vmstat.FAST)
    assert {name: value for name, value in found.items() if value} == not_zero
    assert found[b"oom_kill"] == 0


@pytest.mark.parametrize(
    ("tree", "not_zero"),
    [
        (
            ARMHF,
            {
                b"pgfault": 15260,
                b"pgfree": 36776,
                b"pgpgin": 7415,
                b"pgpgout": 108,
                b"nr_vmscan_write": 4137,
                b"nr_dirtied": 36,
                b"nr_written": 4138,
                b"cma_alloc_success": 1,
            },
        ),
        (
            X86,
            {
                b"pgfault": 8166937,
                b"pgfree": 11960153,
                b"pgpgin": 2369337,
                b"pgpgout": 4720208,
                b"drop_pagecache": 1,
                b"nr_dirtied": 1386632,
                b"nr_written": 1170876,
                b"thp_fault_alloc": 3672,
            },
        ),
    ],
)
def test_what_is_read_slowly(tree: Tree, not_zero: dict[bytes, int]) -> None:
    found = values(tree.files["proc/vmstat"], vmstat.SLOW)
    assert {name: value for name, value in found.items() if value} == not_zero


def test_stalls_of_every_kind_of_zone_are_counted() -> None:
    # allocstall_device is for memory of devices, which is no zone that allocations fall back to.
    for tree in (ARMHF, ARM64, X86):
        in_file = {line.split()[0] for line in tree.files["proc/vmstat"].splitlines() if line.startswith(b"allocstall")}
        assert in_file - {b"allocstall_device"} <= set(values(tree.files["proc/vmstat"], vmstat.FAST))


def test_before_4_8_stalls_and_before_5_9_refaults_are_one_number_each() -> None:
    found = values(b"allocstall 12\nworkingset_refault 34\n", vmstat.FAST)
    assert found == {b"allocstall": 12, b"workingset_refault": 34}


def test_kills_are_absent_before_4_13() -> None:
    before = b"".join(line for line in ARMHF.files["proc/vmstat"].splitlines(True) if not line.startswith(b"oom_kill"))
    assert b"oom_kill" not in values(before, vmstat.FAST)
