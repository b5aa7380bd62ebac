"""Reports damaged in every way: cut, mixed up, numbers changed. Nothing raises, nothing is wider than a terminal."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from lastgasp.analysis.advice.piece import Evidence
from lastgasp.analysis.advice.together import main_event, together
from lastgasp.cli.oom import draw
from lastgasp.cli.oom_source import read
from lastgasp.oom.choice import choose
from lastgasp.oom.parser import parse
from lastgasp.oom.what_if import Change, Rule, what_if
from lastgasp.report import advice
from lastgasp.report import what_if as what_if_drawn
from lastgasp.report.oom import as_json as oom_json
from lastgasp.report.oom import page as oom
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns, visible
from lastgasp.timeline.load import LoadError
from oomstories import STORIES
from scene import BLOCK_SIZE

LOGS = Path(__file__).parents[1] / "oomlogs"
ALL = sorted(path for path in LOGS.rglob("*.txt"))
NUMBER = re.compile(rb"\d+")
CHANGES = (Change((Rule(-1000, name=b"*"),)), Change(ram_kb=-(1 << 40)), Change(kill_allocating_task=True))


def mutate(lines: list[bytes], dice: random.Random) -> list[bytes]:
    kept = [line for line in lines if dice.random() > 0.08]
    for _ in range(dice.randrange(12)):
        at = dice.randrange(len(kept))
        how = dice.randrange(5)
        if how == 0:
            kept[at] = kept[at][: dice.randrange(len(kept[at]) + 1)]
        elif how == 1:
            value = dice.choice([b"0", b"1", b"99999999999999999999", b"4294967295", b"7"])
            kept[at] = NUMBER.sub(lambda _, value=value: value if dice.random() < 0.3 else _[0], kept[at])  # type: ignore[misc]
        elif how == 2:
            kept[at], kept[at - 1] = kept[at - 1], kept[at]
        elif how == 3:
            kept[at] = kept[at].replace(b"leaker", b"\x1b[31m\xe2\x80\xae\xff{}%s")
        else:
            kept.insert(at, dice.randbytes(40))
    return kept


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_damaged_reports_are_explained_as_far_as_they_go(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    for seed in range(8):
        dice = random.Random(f"{path.name} {seed}")
        found = [oom.explain(report, choose(report), "log") for report in parse(mutate(lines, dice))]
        screen = Screen()
        for one in found:
            for change in CHANGES:
                outcome = what_if(one.report, one.choice, change)
                what_if_drawn.draw(screen, one, outcome)
                assert what_if_drawn.sentence(one, outcome, visible)
        if found:
            evidences = [Evidence(one.report, one.choice, one.cause, {}, (), False) for one in found]
            advices = together(evidences)
            answer = advice.verdict(evidences[main_event(evidences)], found[0].grown, None, visible)
            advice.draw(screen, answer, advices, list(advice.others(advices, {})), len(found))
        text = draw(found, screen) if found else ""
        assert all(columns(line) <= WIDTH for line in text.splitlines())
        assert all(c.isprintable() or c == "\n" for c in text)
        assert json.loads(oom_json.render(found))["lastgasp_oom"] == 1


@pytest.mark.parametrize("story", ["leak_ends_in_its_kill", "kill_loop", "tmpfs_fills"])
def test_damaged_recordings_are_explained_as_far_as_they_go(story: str, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    STORIES[story](path)
    whole = path.read_bytes()
    for seed in range(6):
        dice = random.Random(f"{story} {seed}")
        data = bytearray(whole)
        for _ in range(dice.randrange(1, 5)):
            at = dice.randrange(len(data))
            block = at - at % BLOCK_SIZE
            if dice.random() < 0.5:
                data[at] = dice.randrange(256)
            else:
                data[block : block + BLOCK_SIZE] = bytes(BLOCK_SIZE)
        path.write_bytes(data)
        try:
            found = read(str(path)).found
        except LoadError:
            continue
        text = draw(found, Screen())
        assert all(columns(line) <= WIDTH for line in text.splitlines())
        assert json.loads(oom_json.render(found))["lastgasp_oom"] == 1
