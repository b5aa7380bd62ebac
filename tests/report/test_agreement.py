"""``report``, ``leaks`` and ``oom`` say the same of the same recording: who is to blame, how fast, since when, why."""

from __future__ import annotations

from pathlib import Path

import pytest

from filled import FILLED
from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.fleet import Kind, causes
from lastgasp.analysis.leading import leading, unlike
from lastgasp.analysis.oom.before import Finding
from lastgasp.analysis.oom.culprit import By, culprit
from lastgasp.analysis.shape.verdict import Shape
from lastgasp.cli.oom import draw
from lastgasp.report.answer import answer
from lastgasp.report.leaks import Question
from lastgasp.report.leaks import said as said_of_leaks
from lastgasp.report.oom.headline import filled
from lastgasp.report.oom.page import sentences
from lastgasp.report.oom.recorded import Recorded, explained
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.report.why import headline
from lastgasp.report.why import sentences as why
from lastgasp.timeline.load import load
from oomstories import STORIES as OOM_STORIES
from stories import STORIES

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").rglob("*.ring.gz"))


def understood(path: Path) -> tuple[Facts, list[Recorded]]:
    (recording,) = load(str(path))
    facts = gather(recording)
    return facts, list(explained(recording, facts))


def agree(facts: Facts, events: list[Recorded]) -> int:
    """Assert that they do; how many kills there were to compare."""
    of_report = answer(facts, visible)
    assert said_of_leaks(facts, Question(), visible) == of_report
    recorded = [one for one in events if one.explained.before is not None and one.explained.before.recorded_ms]
    told = recorded[: len(facts.explained)]
    for mine, event in zip(facts.explained, told, strict=True):
        found = event.explained
        assert why(mine, visible) == sentences(found, visible)
        assert mine.culprit == culprit(found.cause, found.choice, found.before)
    same_name(facts, of_report[0])
    kill = unlike(facts)
    if kill is not None:
        first = headline(kill, visible)
        told_first = ([first] if first else []) + why(kill, visible)
        assert of_report[: len(told_first)] == told_first
        killed = kill.choice.victim is not None
        assert (first is not None) == (killed and kill.culprit is not None and kill.culprit.by is not By.TAKEN)
    leaks = {growth.name: growth.worst for growth in facts.leaks}
    seen: set[bytes] = set()
    for event in told:
        before = event.explained.before
        assert before is not None
        life = before.program
        if before.finding is not Finding.LEAKS or life is None:
            continue
        assert life.name in leaks or life.name in " ".join(of_report).encode()
        mine_ = leaks.get(life.name)
        if mine_ is None or mine_.key != life.key or life.name in seen:
            continue
        seen.add(life.name)
        if mine_.verdict.until_ms == life.verdict.until_ms:
            assert mine_.verdict == life.verdict
            assert mine_.since == life.since
            assert mine_.judged_bytes == life.to_bytes
    return len(told)


def same_name(facts: Facts, first: str) -> None:
    """Who filled the memory is named first, but for a leak that is larger."""
    main = leading(facts.explained)
    named = main.culprit if main is not None else None
    if named is None or named.by is By.HELD or any(leak.worst.verdict.grown >= named.bytes for leak in facts.leaks):
        return
    name = visible(named.name)
    assert name in first or name[0].upper() + name[1:] in first
    cause = causes(facts)[0]
    assert (cause.name, cause.sure) == (named.name, named.sure)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.removesuffix(".ring.gz"))
def test_real_recordings_are_told_alike(path: Path) -> None:
    facts, events = understood(path)
    agree(facts, events)


@pytest.mark.parametrize("name", ["adj-down", "memcg-adj", "protected-leaker"])
def test_the_leak_of_a_real_kill_has_one_figure(name: str) -> None:
    """That of the time before the kill, in the report as in the explanation."""
    path = next(path for path in RECORDINGS if path.name == f"armhf-6.1-{name}.ring.gz")
    facts, events = understood(path)
    before = events[0].explained.before
    assert before is not None and before.program is not None
    mine = facts.leaks[0].worst
    assert (mine.pid, mine.verdict, mine.judged_bytes) == (
        before.program.pid,
        before.program.verdict,
        before.program.to_bytes,
    )


@pytest.mark.parametrize("story", sorted(STORIES))
def test_stories_are_told_alike(story: str, tmp_path: Path) -> None:
    STORIES[story](tmp_path / "story.lgr")
    agree(*understood(tmp_path / "story.lgr"))


@pytest.mark.parametrize("story", sorted(OOM_STORIES))
def test_kills_are_told_alike(story: str, tmp_path: Path) -> None:
    OOM_STORIES[story](tmp_path / "story.lgr")
    told = agree(*understood(tmp_path / "story.lgr"))
    assert told or story == "older_than_the_recording"


@pytest.mark.parametrize("story", sorted(FILLED))
def test_memory_filled_without_a_leak_is_told_alike(story: str, tmp_path: Path) -> None:
    FILLED[story](tmp_path / "story.lgr")
    assert agree(*understood(tmp_path / "story.lgr")) == 1


def test_a_small_leak_does_not_hide_who_filled_the_memory(tmp_path: Path) -> None:
    FILLED["small_leak_beside"](tmp_path / "story.lgr")
    facts, _ = understood(tmp_path / "story.lgr")
    said = answer(facts, visible)
    assert said[0].startswith("Most likely leaker (pid 95) filled the memory (+52.9 MB")
    assert any(sentence.startswith("python3 (pid 91) leaks") for sentence in said)
    assert [(one.kind, one.name) for one in causes(facts)] == [(Kind.FILLED, b"leaker"), (Kind.LEAK, b"python3")]


def test_a_page_of_several_kills_begins_with_who_filled_the_memory(tmp_path: Path) -> None:
    """Of the kill that the report begins with."""
    protected = next(path for path in RECORDINGS if path.name == "armhf-6.1-protected-leaker.ring.gz")
    OOM_STORIES["kill_loop"](tmp_path / "story.lgr")
    for path in (protected, tmp_path / "story.lgr"):
        facts, events = understood(path)
        main = leading(facts.explained)
        assert len(events) > 1 and main is not None and main.culprit is not None
        story = filled(main.report, main.choice, main.cause, main.culprit, visible)
        page = " ".join(draw([event.explained for event in events], Screen()).split())
        assert story is not None
        assert page.partition(". ")[2].startswith(story)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.removesuffix(".ring.gz"))
def test_growth_and_time_give_the_rate_beside_them(path: Path) -> None:
    facts, _ = understood(path)
    verdicts = [growth.worst.verdict for growth in facts.growth] + [one.verdict for one in facts.kernel_growth]
    for verdict in verdicts:
        if verdict.shape is Shape.LEAK and verdict.grown > 0:
            assert verdict.per_s * (verdict.until_ms - verdict.since_ms) == pytest.approx(verdict.grown * 1000)
