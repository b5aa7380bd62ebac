"""/proc/net/sockstat and file-nr."""

from __future__ import annotations

import pytest

from lastgasp.proc import sockstat
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, X86
from trees import Tree

SOCKSTAT = b"sockets: used 16\nTCP: inuse 4 orphan 0 tw 1 alloc 4 mem 204\nUDP: inuse 2 mem 7\nFRAG: inuse 0 memory 9\n"


@pytest.mark.parametrize(
    ("tree", "expected"), [(ARMHF, (5, 0, 0, 32)), (ARM64, (5, 0, 0, 32)), (X86, (16, 204, 0, 3986))]
)
def test_captured_sockets_and_files(tree: Tree, expected: tuple[int, ...]) -> None:
    assert sockstat.parse(tree.files["proc/net/sockstat"], tree.files["proc/sys/fs/file-nr"]) == expected


def test_memory_is_told_by_protocol() -> None:
    assert sockstat.parse(SOCKSTAT, b"32\t0\t8946\n") == (16, 204, 7, 32)


def test_without_a_network_its_values_are_absent() -> None:
    assert sockstat.parse(None, b"32\t0\t8946\n") == (None, None, None, 32)
    assert sockstat.parse(SOCKSTAT, None) == (16, 204, 7, None)
    assert sockstat.parse(None, None) == sockstat.parse(b"", b"") == (None,) * 4


def test_a_file_that_was_cut_short_gives_its_whole_lines() -> None:
    assert sockstat.parse(SOCKSTAT[: SOCKSTAT.index(b"4 mem 204") + 7], b"32") == (16, None, None, None)


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word])
def test_a_value_that_makes_no_sense_is_absent(word: bytes) -> None:
    raw = b"sockets: used %s\nTCP: mem %s\nUDP: inuse 2 mem 7\n" % (word, word)
    assert sockstat.parse(raw, word + b"\t0\t9\n") == (None, None, 7, None)


def test_a_counter_below_zero_is_negative() -> None:
    assert sockstat.parse(b"TCP: inuse 4 mem %s\n" % MINUS_ONE, None)[1] == -1
