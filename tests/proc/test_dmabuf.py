"""Totals of dma-buf."""

from __future__ import annotations

import pytest

from lastgasp.proc import dmabuf
from proc.support import NO_NUMBERS, TREES, lines
from trees import Tree

# As drivers/dma-buf/dma-buf.c of 6.1 prints two buffers, the second with a hostile name.
BUFFERS = b"""
Dma-buf Objects:
size    	flags   	mode    	count   	exp_name	ino     	name
00008192	00000002	00080007	00000003	drm	00000021	<none>
	Attached Devices:
	card0
Total 1 devices attached

00004096	00000002	00080007	00000002	system	00000022	x
Total 9 objects, 99 bytes
	Attached Devices:
Total 0 devices attached


Total 2 objects, 12288 bytes
"""


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_captured_kernels_share_no_buffer(tree: Tree) -> None:
    assert dmabuf.parse_bufinfo(lines("sys/kernel/debug/dma_buf/bufinfo", tree)) == (0, 0)


def test_the_last_line_counts_whatever_buffers_are_called() -> None:
    assert dmabuf.parse_bufinfo(BUFFERS.splitlines()) == (2, 12288)


def test_a_list_that_ends_early_has_no_total() -> None:
    assert dmabuf.parse_bufinfo(BUFFERS.splitlines()[:-1]) == (None, None)
    assert dmabuf.parse_bufinfo([]) == (None, None)


@pytest.mark.parametrize("word", NO_NUMBERS)
def test_a_total_that_makes_no_sense_is_absent(word: bytes) -> None:
    assert dmabuf.parse_bufinfo([b"Total 2 objects, %s bytes" % word])[1] is None
    assert dmabuf.parse_bufinfo([b"Total %s objects, 4096 bytes" % word])[0] is None
