"""Lines, words and numbers of kernel files."""

from __future__ import annotations

import pytest

from lastgasp.proc import text
from proc.support import MINUS_ONE, NO_NUMBERS


class TestNumber:
    @pytest.mark.parametrize(("word", "value"), [(b"0", 0), (b"007", 7), (b"4611686018427387903", (1 << 62) - 1)])
    def test_a_decimal_number_is_its_value(self, word: bytes, value: int) -> None:
        assert text.number(word) == text.maybe(word) == value

    def test_a_counter_below_zero_comes_back_negative(self) -> None:
        assert text.number(MINUS_ONE) == -1
        assert text.number(b"%d" % (2**64 - 4096)) == -4096

    @pytest.mark.parametrize("word", [*NO_NUMBERS, b" 1", b"1 ", b"4611686018427387904", b"18446744073709551616"])
    def test_what_no_kernel_prints_is_absent(self, word: bytes) -> None:
        assert text.maybe(word) is None
        with pytest.raises(ValueError):
            text.number(word)

    def test_the_difference_of_any_two_fits_a_signed_64_bit_integer(self) -> None:
        edges = [text.number(b"%d" % n) for n in (0, 2**62 - 1, 2**64 - 1, 2**64 - 2**62 + 1)]
        assert max(edges) - min(edges) < 2**63


class TestLinesAndWords:
    def test_a_line_without_its_newline_is_left_out(self) -> None:
        assert text.lines(b"one 1\ntwo 2") == [b"one 1"]
        assert text.words(b"one 1\ntwo 2") == [b"one", b"1"]

    def test_only_a_newline_ends_a_line(self) -> None:
        assert text.lines(b"a\rb\x0bc\x0cd\x1ce\x85f\n") == [b"a\rb\x0bc\x0cd\x1ce\x85f"]

    @pytest.mark.parametrize("raw", [b"", b"cut"])
    def test_a_file_without_a_whole_line_has_none(self, raw: bytes) -> None:
        assert text.lines(raw) == text.words(raw) == []
