"""oom_score and oom_score_adj."""

from __future__ import annotations

import pytest

from lastgasp.proc import pid_oom
from proc.support import ARM64, ARMHF, NO_NUMBERS, X86, of
from trees import Tree


@pytest.mark.parametrize(
    ("tree", "comm", "score", "adj"),
    [
        (ARMHF, b"grower", 722, 0),
        (ARMHF, b"limited", 1053, 500),
        (ARMHF, b"threads", 0, -1000),
        (ARM64, b"limited", 1076, 500),
        (ARM64, b"threads", 0, -1000),
        (X86, b"limited", 1000, 500),
        (X86, b"kswapd0", 0, 0),
    ],
)
def test_captured_processes(tree: Tree, comm: bytes, score: int, adj: int) -> None:
    assert pid_oom.parse(of(tree, comm, "oom_score")) == score
    assert pid_oom.parse(of(tree, comm, "oom_score_adj")) == adj


def test_a_file_that_cannot_be_read_is_absent() -> None:
    assert pid_oom.parse(None) is None
    assert pid_oom.parse(b"") is None


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word != b"-1"] + [b"--1", b"- 1", b"-%d" % 2**70])
def test_what_makes_no_sense_is_absent(word: bytes) -> None:
    assert pid_oom.parse(word + b"\n") is None


def test_a_number_without_its_newline_is_absent() -> None:
    # Of -1000, -100 would be another verdict.
    assert pid_oom.parse(b"-100") is None
