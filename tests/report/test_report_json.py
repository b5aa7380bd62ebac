"""The JSON object holds what the terminal shows, every field of it explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lastgasp.analysis.counts import CountGrowth
from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.ownership.owner import Owner
from lastgasp.analysis.workload.drivers import Driver, Rival
from lastgasp.analysis.workload.marks import DuringMark
from lastgasp.cli.report import draw
from lastgasp.report import as_json
from lastgasp.report.answer import answer
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.load import load
from stories import STORIES

# The part on "report": other commands have theirs behind it.
EXPLAINED = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8").partition("\n# `lastgasp oom")[0]


def facts(story: str, tmp_path: Path) -> Facts:
    path = tmp_path / "story.lgr"
    STORIES[story](path)
    (recording,) = load(str(path))
    return gather(recording)


def rendered(found: Facts) -> Any:
    return json.loads(as_json.render([found]))["recordings"][0]


def keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


@pytest.mark.parametrize("story", sorted(STORIES))
def test_every_field_is_explained(story: str, tmp_path: Path) -> None:
    found = json.loads(as_json.render([facts(story, tmp_path)]))
    assert {key for key in keys(found) if f"`{key}`" not in EXPLAINED} == set()


def test_everything_that_is_explained_exists(tmp_path: Path) -> None:
    names = {key for story in STORIES for key in keys(json.loads(as_json.render([facts(story, tmp_path)])))}
    values = {"leak", "sawtooth", "steady", "shrinking", "step", "low", "medium", "high", "stopped", "unclean", "open"}
    values |= {"mark", "alert", "config", "tune", "null", "false", "1"}
    names |= set(Owner.__dataclass_fields__)  # only with lists of packages
    names |= set(CountGrowth.__dataclass_fields__)  # no story leaks what is counted
    names |= {field for of in (Driver, DuringMark, Rival) for field in of.__dataclass_fields__}  # no story has one
    explained = set(re.findall(r"`([a-z_0-9]+)`", EXPLAINED))
    assert explained - names - values == set()


@pytest.mark.parametrize("story", sorted(STORIES))
def test_the_answer_is_the_terminals(story: str, tmp_path: Path) -> None:
    found = facts(story, tmp_path)
    assert rendered(found)["answer"] == answer(found, visible)
    shown = " ".join(draw([found], Screen()).split())
    for sentence in rendered(found)["answer"]:
        assert sentence.replace(" ", "") in shown.replace(" ", "")


def test_who_leaks_and_how_fast_can_be_read_by_a_program(tmp_path: Path) -> None:
    found = rendered(facts("leak_ends_in_a_group_kill", tmp_path))
    worst = found["growth"][0]["worst"]
    assert (worst["name"], worst["pid"]) == ("sensord", 200)
    assert worst["verdict"]["shape"] == "leak"
    assert worst["verdict"]["confidence"] == "medium"
    assert worst["verdict"]["per_s"] == pytest.approx(40 * 1024, rel=0.02)
    assert worst["where"]["places"][0]["name"] == "[heap]"
    assert worst["first"] == {"boot": 1, "uptime_ms": 10_000, "utc": "2026-11-23T14:00:00Z"}
    assert found["ooms"][0]["victim_pid"] == 200


def test_unknown_is_null(tmp_path: Path) -> None:
    found = rendered(facts("nobody_leaks", tmp_path))
    assert found["stall"] is None
    assert found["span"]["first"]["utc"] is None
    assert found["losses"]["missed_ticks"] is None
    assert found["cost"]["rss_bytes"] is None


def test_it_is_ascii_and_harmless(tmp_path: Path) -> None:
    text = as_json.render([facts("names_from_an_adversary", tmp_path)])
    assert text.isascii()
    assert all(c.isprintable() or c == "\n" for c in text)
    names = {growth["name"] for growth in json.loads(text)["recordings"][0]["growth"]}
    assert r"\x1b[31mred\n\x07" in names
