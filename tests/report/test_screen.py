"""What is drawn stays within 80 columns, in the characters and colours that the output can show."""

from __future__ import annotations

import io

import pytest

from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns


class Output(io.TextIOWrapper):
    """A stream that says of itself what a test wants."""

    def __init__(self, encoding: str, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("encoding", "terminal", "environment", "unicode", "colour"),
    [
        ("utf-8", True, {"TERM": "xterm"}, True, True),
        ("UTF8", True, {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ("utf-8", True, {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ("utf-8", True, {"TERM": "dumb"}, True, False),
        ("utf-8", True, {}, True, False),
        ("utf-8", False, {"TERM": "xterm"}, True, False),
        ("ascii", True, {"TERM": "xterm"}, False, True),
        ("iso-8859-1", False, {}, False, False),
    ],
)
def test_unicode_and_colour_only_where_they_can_be_shown(
    encoding: str, terminal: bool, environment: dict[str, str], unicode: bool, colour: bool
) -> None:
    screen = Screen.on(Output(encoding, terminal), environment)
    assert (screen.unicode, screen.colour) == (unicode, colour)


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("word", ["short", "x" * 200, "日本" * 60, r"\x1b[31m" * 30])
def test_paragraphs_are_broken_within_the_width_and_lose_nothing(word: str, unicode: bool) -> None:
    screen = Screen(unicode)
    text = " ".join(["before", word, "after", word, "end"])
    screen.wrap(screen.text(text) if not unicode else text, "  ", "      ")
    assert all(columns(line) <= WIDTH for line in screen.lines)
    assert "".join("".join(screen.lines).split()) == "".join((screen.text(text) if not unicode else text).split())


def test_a_line_that_is_too_long_is_cut() -> None:
    screen = Screen()
    screen.line("x" * 200)
    assert columns(screen.lines[0]) == WIDTH


def test_without_unicode_everything_is_ascii() -> None:
    screen = Screen(unicode=False)
    screen.line("… → – × ▁ é 日")
    screen.line(screen.text("日本".encode()) + screen.spark([1, 2, 3]))
    assert str(screen).isascii()


def test_a_curve_has_one_character_a_cell_and_a_space_where_nothing_is_known() -> None:
    assert Screen().spark([0, None, 7]) == "▁ █"
    assert Screen(unicode=False).spark([0, None, 7]) == ". @"
    assert Screen().spark([None, None]) == "  "


def test_a_level_curve_lies_at_the_bottom() -> None:
    assert Screen().spark([5, 5, 5]) == "▁▁▁"


def test_values_beyond_the_scale_do_no_harm() -> None:
    assert Screen().spark([-9, 99], 0, 10) == "▁█"


def test_colour_is_around_the_text_and_never_counts_as_width() -> None:
    screen = Screen(colour=True)
    screen.line("x" * 200, "bad")
    assert screen.lines[0].startswith("\x1b[31;1m")
    assert screen.lines[0].endswith("\x1b[0m")
    assert screen.lines[0].count("x") == WIDTH - 1
