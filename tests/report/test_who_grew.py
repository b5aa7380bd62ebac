"""The table of who grew: nothing in it says more than the recording does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lastgasp.analysis.facts import Facts, gather
from lastgasp.report import as_json
from lastgasp.report.growth import who_grew
from lastgasp.report.screen import Screen
from scene import Scene


def shown(facts: Facts) -> str:
    screen = Screen()
    who_grew(screen, facts)
    return str(screen)


@pytest.mark.parametrize(
    ("programs", "elsewhere"),
    [(20, "8 more changed; --json tells of them"), (70, "58 more changed; --json tells of 38 of them")],
)
def test_json_tells_of_as_many_more_as_it_is_said_to(tmp_path: Path, programs: int, elsewhere: str) -> None:
    scene = Scene(tmp_path / "ring").boot()
    for n in range(programs):
        scene.run(200 + n, b"leakd%d" % n, lambda t, n=n: 500 + (20 + n) * t)  # type: ignore[misc]
    scene.record(60)
    facts = gather(scene.flush().load())
    text = shown(facts)
    assert elsewhere in text
    rows = len(re.findall(r"^  leakd", text, re.M))
    growth = json.loads(as_json.render([facts]))["recordings"][0]["growth"]
    told = re.search(r"tells of (\d+) of them", text)
    assert len(growth) - rows == (int(told[1]) if told else programs - rows)


def test_growth_that_others_gave_back_is_no_more_than_all_of_it(tmp_path: Path) -> None:
    """The heap grew by 40 kB a second while the rest of the process shrank."""
    scene = Scene(tmp_path / "ring").boot()
    program = scene.run(200, b"leakd", lambda t: 500 + 30 * t)
    for n in range(6):
        scene.record(10)
        scene.encoder.begin(scene.now_ms, 0)
        scene.rows.put(scene.tables["mappings"], program.key, (3, 3, 1, 100 + n))
        for name, kb in ((b"[heap]", 500 + 400 * n), (b"[anon]", 900 - 100 * n)):
            scene.rows.put(scene.tables["mapping"], program.key + b" " + name, (kb, kb, kb, kb, kb, 0))
        scene.encoder.end()
    facts = gather(scene.flush().load())
    where = facts.growth[0].worst.where
    assert where is not None
    assert [(place.name, place.share) for place in where.places] == [(b"[heap]", 1.0), (b"[anon]", 0.0)]
    assert "growth: [heap] 100 %" in shown(facts)
