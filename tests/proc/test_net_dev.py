"""/proc/net/dev."""

from __future__ import annotations

import pytest

from lastgasp.proc import net_dev
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, X86
from trees import Tree

HEAD = b"""\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
"""  # noqa: E501
NUMBERS = b" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
VALUES = (1, 2, 4, 9, 10)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ARMHF, [(b"lo", (248956, 660, 0, 248956, 660))]),
        (ARM64, [(b"lo", (220556, 585, 0, 220556, 585))]),
        (X86, [(b"lo", (724345, 1948, 0, 724345, 1948)), (b"eth0", (760405304, 14327, 0, 574171, 8076))]),
    ],
)
def test_captured_interfaces_that_carried_something(tree: Tree, expected: list[tuple[bytes, tuple[int, ...]]]) -> None:
    assert net_dev.parse(tree.files["proc/net/dev"]) == expected


def test_the_columns_are_bytes_packets_and_drops() -> None:
    assert net_dev.parse(HEAD + b"  eth0:" + NUMBERS) == [(b"eth0", VALUES)]


def test_a_number_may_follow_the_colon_at_once() -> None:
    # As old kernels wrote a large one.
    assert net_dev.parse(b"  eth0:12345678" + NUMBERS[2:]) == [(b"eth0", (12345678, 2, 4, 9, 10))]


def test_an_interface_that_only_sent_is_kept() -> None:
    raw = b"can0: 0 0 0 0 0 0 0 0 80 10 0 0 0 0 0 0\n"
    assert net_dev.parse(raw) == [(b"can0", (0, 0, 0, 80, 10))]


@pytest.mark.parametrize("name", [b"br-lan", b"eth0.100", b"wlan0-1", b"usb0|x", b"\x1b[31m", b"\xff\xfe", b"1", b"0"])
def test_a_name_may_hold_anything_but_white_space_and_a_colon(name: bytes) -> None:
    assert net_dev.parse(HEAD + name.rjust(6) + b":" + NUMBERS) == [(name, VALUES)]


@pytest.mark.parametrize("raw", [b"", HEAD, b"eth0: 1 2 3\n", b"eth0:" + NUMBERS[:-1], b"eth0" + NUMBERS])
def test_what_is_no_row_is_left_out(raw: bytes) -> None:
    assert net_dev.parse(raw) == []


@pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word])
def test_a_row_with_a_number_that_makes_no_sense_is_left_out_and_the_others_stay(word: bytes) -> None:
    raw = b"eth0: " + word + NUMBERS[2:] + b"eth1:" + NUMBERS
    assert net_dev.parse(raw) == [(b"eth1", VALUES)]


def test_a_counter_below_zero_is_negative() -> None:
    assert net_dev.parse(b"eth0: " + MINUS_ONE + NUMBERS[2:]) == [(b"eth0", (-1, 2, 4, 9, 10))]
