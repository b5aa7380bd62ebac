"""Open files and threads that leak, as each page tells them: of a real program that never closes its pipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lastgasp.analysis.facts import Facts, gather
from lastgasp.cli.main import main
from lastgasp.report import as_json
from lastgasp.report.answer import answer
from lastgasp.report.html.page import render
from lastgasp.report.visible import visible
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording
from scene import Scene

PROGRAMS = Path(__file__).parents[1] / "recordings" / "real" / "programs.ring.gz"


@pytest.fixture(scope="module")
def recording() -> Recording:
    (found,) = load(str(PROGRAMS))
    return found


@pytest.fixture(scope="module")
def facts(recording: Recording) -> Facts:
    return gather(recording)


def test_the_answer_tells_of_them_beside_memory(facts: Facts) -> None:
    said = answer(facts, visible)
    (sentence,) = [one for one in said if "open files" in one]
    assert sentence == (
        "file-leak (pid 56) leaks open files (pipes): 33 → 2,141, +47/min; since 09:01:11."
        " Also: threads of thread-leak (pid 57)."
    )


def test_json_has_the_same_numbers(facts: Facts) -> None:
    found = json.loads(as_json.render([facts]))["recordings"][0]
    first, second = found["counts"]
    assert (first["name"], first["what"], first["first"], first["last"]) == ("file-leak", "open files", 33, 2141)
    assert (second["name"], second["what"], second["last"]) == ("thread-leak", "threads", 387)
    assert found["uncounted"] == []


def test_the_page_lists_them(recording: Recording, facts: Facts) -> None:
    page = render([recording], [facts])
    assert 'class="count-leaks"' in page
    assert "2,141" in page and "+47/min" in page


def test_one_process_is_answered_with_what_it_leaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaks", str(PROGRAMS), "--process", "file-leak"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "file-leak (pid 56) leaks open files (pipes): 33 → 2,141, +47/min; since\n09:01:11.\n"
        "Its memory does not leak: steady, "
    )
    assert "thread-leak" not in out
    assert "Look at what file-leak opens and never closes (ls -l /proc/56/fd)" in out


def test_a_leak_of_nothing_else_comes_first_and_is_bad(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256).boot()
    scene.run(200, b"<b>\x1b[2J", 900, files=lambda s: 10 + s)
    scene.record(200)
    found = gather(scene.flush().load())
    assert found.bad
    assert answer(found, visible)[0].startswith("<b>\\x1b[2J (pid 200) leaks open files: 10 → 209, +60/min; since ")


def test_what_was_not_recorded_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene(tmp_path / "ring").boot()
    scene.run(200, b"served", 900)
    scene.record(60).flush()
    assert main(["leaks", str(scene.path)]) == 0
    assert "Who leaks open files: of most programs they were not recorded" in capsys.readouterr().out
