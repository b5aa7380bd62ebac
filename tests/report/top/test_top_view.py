"""The screen: as it was once looked at, in every width, and whatever processes call themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lastgasp.analysis.replay import Replay
from lastgasp.cli.instant import find
from lastgasp.report.screen import Screen
from lastgasp.report.top.columns import BY_NAME
from lastgasp.report.top.controls import Top
from lastgasp.report.top.view import Wish, select
from lastgasp.report.visible import columns
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

GOLDEN = Path(__file__).parent / "golden"
RECORDINGS = Path(__file__).parents[2] / "recordings"


def top(path: Path, at: str = "end", screen: Screen | None = None, **wish: object) -> Top:
    (recording,) = load(str(path))
    return Top(Replay(recording, find(recording, at)), "r.lgr", screen or Screen(), Wish(**wish))  # type: ignore[arg-type]


def story(folder: Path, name: str) -> Path:
    STORIES[name](folder / "story.lgr")
    return folder / "story.lgr"


def text(shown: Top, width: int = 80) -> str:
    return "".join(line + "\n" for line, _ in shown.whole(width))


def same_as_golden(name: str, found: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "at"), [("adj-down", "oom"), ("memcg-adj", "oom"), ("vfork", "end")])
def test_a_real_kill_looks_as_it_did_when_it_was_looked_at(name: str, at: str) -> None:
    same_as_golden(f"top-{name}", text(top(RECORDINGS / f"armhf-6.1-{name}.ring.gz", at)))


@pytest.mark.parametrize("name", ["leak_ends_in_a_group_kill", "nobody_leaks", "names_from_an_adversary"])
def test_so_does_a_story(name: str, tmp_path: Path) -> None:
    same_as_golden(f"top-{name}", text(top(story(tmp_path, name))))


def test_ascii_is_enough(tmp_path: Path) -> None:
    found = text(top(story(tmp_path, "names_from_an_adversary"), screen=Screen(unicode=False)))
    assert found.isascii()
    same_as_golden("top-ascii", found)


@pytest.mark.parametrize("width", [40, 57, 63, 72, 80, 96, 133, 240])
@pytest.mark.parametrize("height", [5, 12, 24, 60])
def test_no_line_is_too_long_and_no_screen_too_high(width: int, height: int, tmp_path: Path) -> None:
    shown = top(story(tmp_path, "names_from_an_adversary"))
    found = shown.draw(width, height)
    assert len(found) == height
    assert max(columns(line) for line, _ in found) <= width
    assert all(line.isprintable() for line, _ in found)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_each_column_sorts_and_turns_round(name: str) -> None:
    """The unknown stay last either way."""
    path = RECORDINGS / "armhf-6.1-adj-down.ring.gz"
    column = BY_NAME[name]
    for turned in (False, True):
        shown = top(path, "oom", sort=name, turned=turned)
        values = [
            column.value(task) for task in select(shown.snapshots.at(shown.replay.instant).tasks, shown.wish, Screen())
        ]
        known = [value for value in values if value is not None]
        assert values == known + [None] * (len(values) - len(known))
        assert known == sorted(known, reverse=column.most_first != turned)


def test_keys_move_sort_filter_and_scroll(tmp_path: Path) -> None:
    shown = top(story(tmp_path, "leak_ends_in_a_group_kill"))
    last = shown.replay.place
    assert shown.press("left") and shown.replay.place == last - 1
    assert shown.press("k") and shown.press("right")
    assert "sensord" not in text(shown), "it is dead"
    shown.press("left")
    assert "sensord" in text(shown)
    shown.press("p")
    pids = [int(line.split()[0]) for line in text(shown).splitlines() if line[:7].strip().isdigit()]
    assert pids == sorted(pids)
    shown.press("p")
    pids = [int(line.split()[0]) for line in text(shown).splitlines() if line[:7].strip().isdigit()]
    assert pids == sorted(pids, reverse=True)
    for key in ("/", "h", "t", "q", "backspace", "t", "enter"):
        assert shown.press(key), "q is a letter while one types"
    assert [line.split()[1] for line in text(shown).splitlines() if line[:7].strip().isdigit()] == ["httpd"]
    assert shown.press("esc") and "sensord" in text(shown)
    assert not shown.press("q")


def test_scrolling_ends_with_the_last_process(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    for pid in range(200, 250):
        scene.run(pid, b"p", 1000 - pid)
    scene.record(2)
    scene.flush()
    shown = top(tmp_path / "r.lgr")
    for _ in range(100):
        shown.draw(80, 24)
        shown.press("down")
    pids = [line.split()[0] for line, _ in shown.draw(80, 24) if line[:7].strip().isdigit()]
    assert pids[-1] == "249" and len(pids) == shown.page


def test_what_is_not_there_is_said_below(tmp_path: Path) -> None:
    shown = top(story(tmp_path, "a_single_sample"))
    shown.press("k")
    assert shown.draw(80, 24)[-1] == ("no OOM kill was recorded", "bad")
    shown.press("right")
    assert shown.draw(80, 24)[-1][0] == "this is the last sample"


def test_the_help_names_every_key_that_sorts(tmp_path: Path) -> None:
    shown = top(story(tmp_path, "a_single_sample"))
    shown.press("?")
    found = "\n".join(line for line, _ in shown.draw(80, 30))
    assert all(f"{column.key}  {column.name}" in found for column in BY_NAME.values())
    shown.press("x")
    assert "NAME" in "\n".join(line for line, _ in shown.draw(80, 30))
