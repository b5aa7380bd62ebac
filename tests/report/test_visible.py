"""Foreign text is shown and never obeyed."""

from __future__ import annotations

import random
import unicodedata

import pytest

from lastgasp.report.visible import columns, fit, fit_end, pad, visible


@pytest.mark.parametrize(
    "name", ["sensord", "kworker/0:1-ev", "a) R 1 (b", "<script>", "naïve", "日本", "μd", "a&b 'c' \"d\""]
)
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert visible(name.encode()) == name


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred", r"\x1b[31mred"),
        (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
        (b"two\nlines\r\t", r"two\nlines\r\t"),
        (b"\x00\x7f", r"\x00\x7f"),
        (b"back\\slash", r"back\\slash"),
        (rb"\n", r"\\n"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"\xc3", r"\xc3"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),  # a surrogate in what would be UTF-8
        ("\x9b31m".encode(), r"\u009b31m"),  # CSI in one character
        ("a\u202egpj.exe".encode(), r"a\u202egpj.exe"),
        ("\u2066\u2069\u200e\u061c".encode(), r"\u2066\u2069\u200e\u061c"),
        ("zero\u200bwidth\ufeff\u00ad".encode(), r"zero\u200bwidth\ufeff\u00ad"),
        ("\u2028\u2029\u0085".encode(), r"\u2028\u2029\u0085"),
        ("nbsp\u00a0\u3000".encode(), r"nbsp\u00a0\u3000"),
        ("z\u0301\u0489".encode(), r"z\u0301\u0489"),  # marks that pile up
        ("\u05d0\u0627".encode(), r"\u05d0\u0627"),  # letters that turn the line round
        ("\u3164\uffa0\u2800".encode(), r"\u3164\uffa0\u2800"),  # letters that show as nothing
        ("\ue000\U000f0000".encode(), r"\ue000\U000f0000"),
        ("\U000e0041".encode(), r"\U000e0041"),  # tags
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_escaped(raw: bytes, shown: str) -> None:
    assert visible(raw) == shown


def test_no_character_of_all_there_are_gets_through_unless_it_takes_its_place() -> None:
    for code in range(0x110000):
        c = chr(code)
        shown = visible(c)
        if shown != c:
            assert shown.isascii()
            assert shown.isprintable()
            continue
        assert c.isprintable(), hex(code)
        assert unicodedata.category(c)[0] in "LNPSZ", hex(code)
        assert unicodedata.category(c) not in ("Zl", "Zp"), hex(code)
        assert unicodedata.bidirectional(c) not in ("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO"), hex(code)


def test_two_different_names_never_look_the_same() -> None:
    rng = random.Random(1)
    alphabet = [b"\\", b"x", b"1", b"b", b"n", b"\n", b"\x1b", b"\xff", b"u", b"0", "\u200b".encode(), b"a"]
    seen: dict[str, bytes] = {}
    for _ in range(50_000):
        raw = b"".join(rng.choices(alphabet, k=rng.randint(1, 6)))
        assert seen.setdefault(visible(raw), raw) == raw


def test_wide_characters_take_two_columns() -> None:
    assert columns("日本") == 4
    assert columns("ab") == 2


@pytest.mark.parametrize("width", range(1, 12))
@pytest.mark.parametrize("text", ["", "abc", "日本語日本語", "a日b本c語", "abcdefghijklmnop"])
def test_a_text_fits_exactly_and_is_filled_up(text: str, width: int) -> None:
    shown = pad(fit(text, width), width)
    assert columns(shown) == width
    if columns(text) <= width:
        assert shown.rstrip() == text
    else:
        assert "…" in shown


@pytest.mark.parametrize("width", range(1, 12))
@pytest.mark.parametrize("text", ["", "abc", "日本語日本語", "a日b本c語", "abcdefghijklmnop"])
def test_the_end_of_a_text_is_as_long_as_fits(text: str, width: int) -> None:
    end = fit_end(text, width)
    assert text.endswith(end) and columns(end) <= width
    assert end == text or columns(text[-len(end) - 1 :]) > width
