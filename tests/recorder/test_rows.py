"""Rows are mentioned when they changed, and what is remembered for that is bounded."""

from __future__ import annotations

from taped import Taped

from lastgasp.recorder.rows import LIMIT, Rows


def test_rows_that_come_and_go_all_the_time_are_not_remembered_for_ever(taped: Taped) -> None:
    rows = Rows(taped.encoder)
    table = taped.encoder.table(b"net_dev", (b"rx_bytes",))
    for number in range(3 * LIMIT):
        taped.encoder.begin(number, 1)
        rows.put(table, b"veth%d" % number, (number,))
        taped.encoder.end()
        assert len(rows._hashes) <= LIMIT


def test_a_quiet_row_is_not_mentioned_again_until_a_refresh(taped: Taped) -> None:
    rows = Rows(taped.encoder)
    table = taped.encoder.table(b"diskstats", (b"reads",))
    sizes = []
    for number in range(4):
        if number == 3:
            rows.refresh()
        taped.encoder.reset()  # as at a key block
        before = len(taped.encoder.payload)
        taped.encoder.begin(number, 1)
        rows.put(table, b"mmcblk0", (5,))
        taped.encoder.end()
        sizes.append(len(taped.encoder.payload) - before)
    assert sizes[1] == sizes[2] < 6 < sizes[0]
    assert sizes[3] > 6
