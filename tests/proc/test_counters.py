"""Files of "name value" lines whose layout is learned once."""

from __future__ import annotations

import pytest

from lastgasp.proc import counters, meminfo
from proc.support import ARMHF, MINUS_ONE, NO_NUMBERS

RAW = b"a 1\nb 22\nc 333\n"


def learned(raw: bytes, *wanted: bytes) -> dict[bytes, int] | None:
    """Return what a file that was never seen before gives for the wanted names."""
    layout = counters.learn(raw, wanted)
    values = counters.pick(raw, layout)
    return None if values is None else dict(zip(layout.names, values, strict=True))


class TestLearn:
    def test_names_come_in_the_wanted_order_and_those_that_the_file_lacks_are_left_out(self) -> None:
        layout = counters.learn(RAW, (b"c", b"nr_foo", b"a"))
        assert layout.names == (b"c", b"a")
        assert counters.pick(RAW, layout) == (333, 1)

    def test_a_suffix_tells_names_from_those_that_begin_alike(self) -> None:
        raw = b"Active(anon): 5 kB\nActive: 7 kB\n"
        layout = counters.learn(raw, (b"Active",), b":")
        assert counters.pick(raw, layout) == (7,)

    def test_nothing_wanted_that_is_there_gives_no_values(self) -> None:
        assert learned(RAW, b"z") == {}

    @pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word])
    def test_a_value_that_makes_no_sense_is_absent_and_the_others_stay(self, word: bytes) -> None:
        assert learned(b"a 1\nb %s\nc 3\n" % word, b"a", b"b", b"c") == {b"a": 1, b"c": 3}

    def test_a_name_without_a_value_is_absent(self) -> None:
        assert learned(b"a 1\nb\n", b"a", b"b") == {b"a": 1}

    def test_a_counter_below_zero_is_negative(self) -> None:
        assert learned(b"a %s\nb 2\n" % MINUS_ONE, b"a", b"b") == {b"a": -1, b"b": 2}

    def test_the_last_line_of_a_file_that_was_cut_short_is_absent(self) -> None:
        assert learned(b"a 1\nb 22\nc 3", b"a", b"b", b"c") == {b"a": 1, b"b": 22}


class TestPick:
    LAYOUT = counters.learn(RAW, (b"a", b"c"))

    def test_a_later_file_of_the_same_layout_is_read_by_place(self) -> None:
        assert counters.pick(b"a 10\nb 0\nc 2\n", self.LAYOUT) == (10, 2)

    def test_a_counter_that_falls_below_zero_later_is_negative(self) -> None:
        assert counters.pick(b"a %s\nb 0\nc 2\n" % MINUS_ONE, self.LAYOUT) == (-1, 2)

    @pytest.mark.parametrize("raw", [b"", b"a 1\nb 2\n", b"a 1\nb 2\nc 3\nd 4\n", b"a 1\nb 2\nc 3"])
    def test_a_file_of_another_length_must_be_learned_again(self, raw: bytes) -> None:
        assert counters.pick(raw, self.LAYOUT) is None

    @pytest.mark.parametrize("word", [b"x", b"-1", b"\xd9\xa3", b"%d" % 2**70, b"7" * 5000])
    def test_a_value_that_makes_no_sense_makes_it_be_learned_again(self, word: bytes) -> None:
        assert counters.pick(b"a %s\nb 2\nc 3\n" % word, self.LAYOUT) is None

    def test_every_captured_value_is_found_again_by_place(self) -> None:
        raw = ARMHF.files["proc/meminfo"]
        layout = counters.learn(raw, meminfo.FAST, b":")
        assert counters.pick(raw.replace(b"69164 kB", b"    1 kB", 1), layout) == (
            1, 78296, 216, 8928, 11004, 140, 0, 14240, 1348, 6840, 3768, 520, 412, 67652, 16128,
        )  # fmt: skip
