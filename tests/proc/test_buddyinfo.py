"""/proc/buddyinfo."""

from __future__ import annotations

import pytest

from lastgasp.proc import buddyinfo
from proc.support import ARM64, ARMHF, MINUS_ONE, X86


class TestCapturedFiles:
    def test_armhf_6_1_has_one_zone_of_twelve_orders(self) -> None:
        assert buddyinfo.parse(ARMHF.files["proc/buddyinfo"]) == [(b"0 DMA", (1, 1, 0, 3, 1, 1, 3, 3, 3, 3, 2, 6))]

    def test_arm64_6_1_has_one_zone_of_eleven_orders(self) -> None:
        assert buddyinfo.parse(ARM64.files["proc/buddyinfo"]) == [(b"0 DMA", (2, 2, 2, 3, 1, 1, 2, 2, 1, 2, 9))]

    def test_x86_64_6_18_has_three_zones(self) -> None:
        assert buddyinfo.parse(X86.files["proc/buddyinfo"]) == [
            (b"0 DMA", (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3)),
            (b"0 DMA32", (1, 2, 4, 2, 5, 4, 3, 3, 4, 2, 752)),
            (b"0 Normal", (2341, 1694, 2073, 1338, 940, 936, 573, 333, 198, 94, 181)),
        ]

    def test_their_blocks_make_up_the_free_pages(self) -> None:
        # nr_free_pages of vmstat; pages on the per-CPU lists are in neither.
        ((_, counts),) = buddyinfo.parse(ARMHF.files["proc/buddyinfo"])
        assert sum(count << order for order, count in enumerate(counts)) == 17291


class TestOtherFiles:
    def test_nodes_are_told_apart(self) -> None:
        raw = b"Node 0, zone   Normal      1      2 \nNode 11, zone  HighMem      3      4 \n"
        assert buddyinfo.parse(raw) == [(b"0 Normal", (1, 2)), (b"11 HighMem", (3, 4))]

    @pytest.mark.parametrize(
        "raw", [b"", b"\n", b"Node 0, zone DMA\n", b"zone DMA, Node 0 1 2\n", b"Node 0, zone DMA 1"]
    )
    def test_what_is_no_row_is_left_out(self, raw: bytes) -> None:
        assert buddyinfo.parse(raw) == []

    def test_a_row_with_a_number_that_makes_no_sense_is_left_out_and_the_others_stay(self) -> None:
        raw = b"Node 0, zone DMA 1 x\nNode 0, zone Normal 1 %s\nNode 0, zone Movable 5 6\n" % (b"9" * 5000)
        assert buddyinfo.parse(raw) == [(b"0 Movable", (5, 6))]

    def test_a_count_that_fell_below_zero_is_negative(self) -> None:
        assert buddyinfo.parse(b"Node 0, zone DMA 1 %s\n" % MINUS_ONE) == [(b"0 DMA", (1, -1))]
