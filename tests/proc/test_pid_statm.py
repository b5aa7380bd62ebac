"""/proc/PID/statm."""

from __future__ import annotations

import pytest

from lastgasp.proc import pid_statm
from proc.support import ARM64, ARMHF, NO_NUMBERS, TREES, X86, of
from trees import Tree


@pytest.mark.parametrize(
    ("tree", "expected"), [(ARMHF, (3299, 2677, 982)), (ARM64, (4531, 3272, 1180)), (X86, (4743, 3424, 1292))]
)
def test_captured_processes(tree: Tree, expected: tuple[int, ...]) -> None:
    assert pid_statm.parse(of(tree, b"grower", "statm")) == expected


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_resident_less_shared_is_what_status_calls_anonymous(tree: Tree) -> None:
    sizes = pid_statm.parse(of(tree, b"nobody", "statm"))
    assert sizes is not None
    anonymous_kb = (sizes[1] - sizes[2]) * 4
    assert b"RssAnon:\t%8d kB\n" % anonymous_kb in of(tree, b"nobody", "status")


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_kernel_threads_and_zombies_have_no_memory(tree: Tree) -> None:
    for comm in (b"kswapd0", b"zombie"):
        assert pid_statm.parse(of(tree, comm, "statm")) == (0, 0, 0)


def test_a_line_that_was_cut_anywhere_before_the_fourth_word_is_absent() -> None:
    raw = b"3299 2677 982 964 0 1843 0\n"
    first = next(end for end in range(len(raw) + 1) if pid_statm.parse(raw[:end]))
    assert first == raw.index(b"964") + 1


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word not in (b"", b"+1", b"1_000")])
def test_a_number_that_makes_no_sense_is_absent(word: bytes) -> None:
    for line in (b"%s 2 3 4 0 5 0\n", b"1 %s 3 4 0 5 0\n", b"1 2 %s 4 0 5 0\n"):
        assert pid_statm.parse(line % word) is None
