"""How real OOM kills are judged, on what guests of the bed wrote down. No guest is started."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from bed.errors import BedError
from bed.targets import BOARDS
from kills import judge, many, record
from kills.casts import Actor, Outcome, outcome
from kills.judge import Kill
from kills.population import population
from kills.scenarios import SCENARIOS
from lastgasp.analysis.oom.cause import Case
from lastgasp.oom.choice import Cause
from lastgasp.timeline.load import load
from rehearsals.checks import Checks
from stories import leak_ends_in_a_group_kill

CASTS = Path(__file__).parent / "casts"
# The limits of inside/watch.h and cast.c.
ACTORS = 256
WORDS = 8
NAME_BYTES = 15


def written(name: str) -> bytes:
    return next(CASTS.glob(f"{name}-*.cast")).read_bytes()


def judged(name: str, data: bytes | None = None) -> tuple[Outcome, list[Kill]]:
    found = outcome(data or written(name))
    return found, judge.kills(SCENARIOS[name].cast, found)


def test_what_a_guest_wrote_down_is_read() -> None:
    found = outcome(written("memcg"))
    assert len(found.pids) == len(SCENARIOS["memcg"].cast.actors)
    assert found.killed == [found.pids[2]] and found.kills == 1
    assert len(found.samples) == 1 and found.log[0].split(b",")[0].isdigit()
    leaker = next(one for one in found.samples[0] if one.pid == found.pids[2])
    assert leaker.name == b"leaker" and leaker.adj == 0 and leaker.rss_kb > 16 << 10 and leaker.page_tables_kb > 0


def test_what_is_not_whole_is_no_outcome() -> None:
    with pytest.raises(BedError, match="not whole"):
        outcome(written("memcg")[:-4])


def test_a_groups_kill_is_foreseen_among_its_members_only() -> None:
    found, (kill,) = judged("memcg")
    assert kill.victim == kill.predicted == kill.expected == found.pids[2]
    assert kill.right and kill.foreseen
    outside = next(one for one in found.samples[0] if one.pid == found.pids[0])
    assert outside.rss_kb > kill.choice.ranking[0].process.usage.rss * 4, "it is larger, and not in the group"


def test_of_several_kills_each_is_judged_knowing_those_before() -> None:
    found, kills = judged("protected-leaker")
    assert [kill.victim for kill in kills] == found.pids[:2] == found.killed[:2]
    assert all(kill.right and kill.foreseen for kill in kills)
    assert len(found.samples) == len(kills)


def test_a_vfork_child_is_seen_in_proc_and_in_the_report() -> None:
    found, (kill,) = judged("vfork")
    assert kill.victim == kill.expected == found.pids[3]
    assert any(one.ppid == found.pids[3] for one in found.samples[0])
    assert kill.predicted == kill.victim and kill.right, "the report shows that it asked, with its parent's memory"


def test_an_unlike_end_is_a_miss() -> None:
    data = written("memcg")
    pid = outcome(data).pids[2]
    _, (kill,) = judged("memcg", data.replace(b"D %d 9\n" % pid, b"D %d 256\n" % pid))
    assert not kill.right and "did not end by SIGKILL" in kill.why()
    _, (kill,) = judged("memcg", data.replace(b"D %d 9\n" % pid, b"D %d 9\nD %d 9\n" % (pid, pid - 1)))
    assert not kill.right and "the log does not tell of it" in kill.why()


def test_another_victim_than_the_models_is_a_miss() -> None:
    data = written("memcg")
    leaker, other = outcome(data).pids[2], outcome(data).pids[1]
    for form in (b"pid=%d", b"process %d", b"D %d", b"task %d"):
        data = data.replace(form % leaker, form % other)
    _, (kill,) = judged("memcg", data)
    assert (kill.predicted, kill.victim) == (leaker, other)
    assert not kill.right and not kill.foreseen


def test_the_same_seed_gives_the_same_population_and_another_seed_another() -> None:
    first, again, other = (population(random.Random(seed), 90_000) for seed in ("7 armhf 1", "7 armhf 1", "7 armhf 2"))
    assert first == again != other


def test_populations_are_as_odd_as_they_are_to_be() -> None:
    casts = [population(random.Random(seed), 90_000) for seed in range(300)]
    actors = [actor for cast in casts for actor in cast.actors]
    assert {actor.role for actor in actors} == {"hold", "share", "leak", "vfork"}
    assert {min(actor.adj for actor in actors), max(actor.adj for actor in actors) > 900} == {-1000, True}
    assert any(b"\n" in actor.name for actor in actors) and any(b"\x1b" in actor.name for actor in actors)
    assert any(actor.uid for actor in actors) and any(actor.group for actor in actors)
    for cast in casts:
        assert any(actor.role in ("leak", "vfork") for actor in cast.actors)
        assert sum(actor.a for actor in cast.actors if actor.role in ("hold", "share")) < 90_000


@pytest.mark.parametrize("cast", [one.cast for one in SCENARIOS.values()], ids=list(SCENARIOS))
def test_a_scenario_is_one_that_the_guest_can_read(cast: object) -> None:
    text = next(one.cast for one in SCENARIOS.values() if one.cast is cast).text()
    for line in text.splitlines():
        assert len(line.split(" ")) <= WORDS
    assert text.count("\nactor ") <= ACTORS


def test_scenarios_name_what_there_is() -> None:
    for scenario in SCENARIOS.values():
        names = {actor.name for actor in scenario.cast.actors}
        assert set(scenario.victims or ()) <= names
        assert scenario.grower is None or not scenario.agent or scenario.grower in names
        assert scenario.case is None or scenario.case in Case.__members__
        assert set(scenario.archs) <= set(BOARDS)
        assert all(len(name) <= NAME_BYTES for name in names)


def test_in_a_hurry_only_the_leaks_change() -> None:
    cast = SCENARIOS["two-leakers"].cast
    hurried = cast.hurried()
    assert [actor.b for actor in hurried.actors] == [0, 0, 0, 2_500, 2_500]
    assert replace(hurried, actors=cast.actors) == cast


def test_a_name_of_any_bytes_is_one_word() -> None:
    assert Actor(b") 0\n\x1b", "hold", 5).line() == "actor 2920300a1b 0 0 - hold 5 0"
    assert Actor(b"", "hold", 5).line().split(" ")[1] == "-"


def test_the_table_counts_hits_and_tells_why_of_the_others() -> None:
    _, kills = judged("protected-leaker")
    wrong = replace(kills[1], doubt="| not as told")
    tally = many.Tally()
    target = many.targets("armhf", "6.1")[0]
    for kill in (kills[0], wrong):
        many.count(kill, target, tally)
    text = many.table([target], [tally])
    assert "| armhf 6.1 | 2 | 1 (50.0 %) | 1: \\| not as told | 2 of 2 (100.0 %) | – |" in text
    assert "| all | 2 |" in text


def test_all_kernels_are_targets_and_one_can_be_asked_for() -> None:
    assert [one.name for one in many.targets(None, None)] == [
        "armhf 5.10",
        "armhf 6.1",
        "armhf 6.12",
        "armhf 7.2",
        "arm64 6.1",
    ]
    assert [one.name for one in many.targets("arm64", "6.12")] == ["arm64 6.12"]


def test_kills_are_shared_among_the_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = []

    def guest(target: many.Target, tally: many.Tally, share: int, seed: int, folder: Path) -> None:
        shares.append((target.name, share, seed))
        tally.kills += share
        tally.right += share

    monkeypatch.setattr(many, "_guest", guest)
    assert many.kills(7, 11, many.targets("armhf", None), tmp_path, 1) == 0
    assert shares == [("armhf 5.10", 2, 11), ("armhf 6.1", 2, 11), ("armhf 6.12", 2, 11), ("armhf 7.2", 1, 11)]
    said = capsys.readouterr().out
    assert said.startswith("seed 11: 7 kills over armhf 5.10, ") and "| all | 7 | 7 (100.0 %) |" in said


def test_a_target_whose_guests_are_lost_one_after_another_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def guest(target: many.Target, tally: many.Tally, share: int, seed: int, folder: Path) -> None:
        raise BedError("it ended")

    monkeypatch.setattr(many, "_guest", guest)
    assert many.kills(5, 1, many.targets("arm64", None), tmp_path, 1) == 1
    assert "fewer kills than asked for on arm64 6.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cause", "misses", "status"),
    [(Cause.UNEXPLAINED, 1, 1), (Cause.NON_NEGATIVE, 1, 1), (Cause.DRIFT, 2, 0), (Cause.DRIFT, 3, 1)],
)
def test_misses_that_are_faults_or_too_many_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: Cause, misses: int, status: int
) -> None:
    def guest(target: many.Target, tally: many.Tally, share: int, seed: int, folder: Path) -> None:
        tally.kills += share
        tally.right += share - misses
        tally.causes[cause.value] += misses

    monkeypatch.setattr(many, "_guest", guest)
    assert many.kills(200, 1, many.targets("arm64", None), tmp_path, 1) == status


def test_a_ring_is_held_against_the_kernels_log_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = tmp_path / "ring"
    leak_ends_in_a_group_kill(ring)
    boot = load(str(ring))[0].boots[-1]
    scenario = replace(SCENARIOS["memcg"], grower=None, guilty="sensord")
    kept = Outcome(log=[message.record for message in boot.messages])
    assert kept.reports == 1
    checks = Checks("kept")
    record.check(checks, ring, scenario, kept)
    assert checks.failed == 0, capsys.readouterr().out
    first = next(n for n, line in enumerate(kept.log) if b"invoked oom-killer" in line)
    for log in ([*kept.log[: first + 1], b"6,1,1,-;more", *kept.log[first + 1 :]], kept.log[:first]):
        checks = Checks("not kept")
        record.check(checks, ring, scenario, Outcome(log=log))
        assert checks.failed > 0
