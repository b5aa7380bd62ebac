"""Reports joined with what was recorded before them, word by word; LASTGASP_GOLDEN=write writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lastgasp.cli.oom import draw
from lastgasp.cli.oom_source import read
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns
from oomstories import STORIES, leak_ends_in_its_kill

GOLDEN = Path(__file__).parent / "golden"
WHOLE = ("leak_ends_in_its_kill", "shielded_leaker", "kill_loop")
OF_THE_REPORT = ("WHERE THE MEMORY WAS", "NEXT")  # what stands from here to there is the report's alone


def explained(story: str, folder: Path, unicode: bool = True) -> str:
    STORIES[story](folder / "story.lgr")
    return draw(read("story.lgr").found, Screen(unicode))


def joined(text: str) -> str:
    """Without what the report alone says."""
    begin, _, rest = text.partition(OF_THE_REPORT[0])
    return begin + "…\n\n" + OF_THE_REPORT[1] + rest.partition(OF_THE_REPORT[1])[2]


@pytest.mark.parametrize("story", sorted(STORIES))
def test_the_explanation_is_what_it_was(story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = explained(story, tmp_path)
    text = text if story in WHOLE else joined(text)
    path = GOLDEN / f"oom-story-{story}.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("story", sorted(STORIES))
def test_it_fits_a_terminal_without_unicode(story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = explained(story, tmp_path, unicode=False)
    assert text.isascii()
    assert all(columns(line) <= WIDTH and line == line.rstrip() for line in text.splitlines())


def test_nothing_recorded_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, marks and mappings come from an adversary."""
    monkeypatch.chdir(tmp_path)
    evil = b"\x1b[2J\n\xff\xe2\x80\xae"
    monkeypatch.setattr("oomstories.MARK", evil)
    monkeypatch.setattr("oomstories.LIBRARY", b"/lib/" + evil)
    monkeypatch.setattr("oomstories.CHILD", evil[:8])
    leak_ends_in_its_kill(tmp_path / "story.lgr")
    text = draw(read("story.lgr").found, Screen())
    assert all(c.isprintable() or c == "\n" for c in text)
    assert text.count("\\x1b[2J\\n\\xff") == 6  # answer, mapping, mark, start, end, what to do next
