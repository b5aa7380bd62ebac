"""The report of each story, word by word; LASTGASP_GOLDEN=write writes them anew, to be read before they are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.cli.report import draw
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns
from lastgasp.timeline.load import load
from stories import STORIES

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(params=sorted(STORIES))
def story(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recording named story.lgr in the current folder; gives the story's name."""
    monkeypatch.chdir(tmp_path)
    STORIES[request.param](Path("story.lgr"))
    return str(request.param)


def report(unicode: bool = True, colour: bool = False) -> str:
    return draw([gather(recording) for recording in load("story.lgr")], Screen(unicode, colour))


def test_the_report_is_what_it_was(story: str) -> None:
    path = GOLDEN / f"{story}.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(report(), encoding="utf-8")
    assert report() == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_a_terminal_or_ends_in_a_space(story: str, unicode: bool) -> None:
    for line in report(unicode).splitlines():
        assert columns(line) <= WIDTH
        assert line == line.rstrip()


def test_in_ascii_everything_is_ascii(story: str) -> None:
    assert report(unicode=False).isascii()


def test_nothing_but_printable_characters_and_line_ends_come_out(story: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in report())


def test_colour_changes_no_word(story: str) -> None:
    painted = report(colour=True)
    for code in ("\x1b[31;1m", "\x1b[32m", "\x1b[2m", "\x1b[1m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == report()
