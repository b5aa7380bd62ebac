"""Who would be killed next at an instant: who is a candidate, what is known of each, and the ranking."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.victim.instants import Instant, before_kill, last_sample
from lastgasp.analysis.victim.live import Lives
from lastgasp.analysis.victim.next_victim import Outlook, Standing, Unknown, in_brief, outlook
from lastgasp.oom.choice import choose
from lastgasp.oom.ranking import away_pages, rank
from lastgasp.oom.report import Place, Report, Task
from lastgasp.oom.what_if import Change, rule
from lastgasp.timeline.model import Gap, Recording
from scene import ZOMBIE, Scene

MB = 1 << 20


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def at(recording: Recording, at_ms: int | None = None, change: Change | None = None, boot: int = -1) -> Outlook:
    index = boot % len(recording.boots)
    found = outlook(recording.boots, index, at_ms or recording.boots[index].sample_at[-1], change)
    assert isinstance(found, Outlook)
    return found


def last(scene: Scene, change: Change | None = None) -> Outlook:
    return at(scene.flush().load(), None, change)


def pids(found: Outlook) -> list[int]:
    return [one.pid for one in found.ranking]


def of(found: Outlook, pid: int) -> Standing:
    (one,) = [one for one in found.ranking if one.pid == pid]
    return one


# -- the ranking ---------------------------------------------------------------------------------------


def test_the_first_has_most_points_and_the_others_are_told_how_far_they_are(scene: Scene) -> None:
    scene.run(200, b"bigd", 8_000, adj=0, page_tables_kb=40)
    scene.run(201, b"vitald", 6_000, adj=-500, page_tables_kb=20)
    scene.run(202, b"never", 9_000, adj=-1000, page_tables_kb=20)
    scene.record(5)
    found = last(scene)
    assert pids(found) == [200, 201, 202]
    assert (found.era, found.ram_kb, found.swap_kb, found.total_kb) == ("5.9", 65_536, 0, 65_536)
    big, vital, never = found.ranking
    assert (big.rank, big.points, big.rss_kb, big.page_tables_kb, big.swap_kb) == (1, 2_110, 8_400, 40, 0)
    # 16,384 pages: 16 per step of adj. 1,600 + 5 - 500 * 16 = -6,395; 8,505 pages more and they are equals.
    assert (vital.rank, vital.points, vital.away_kb, vital.turns_at_adj) == (2, -6_395, 8_505 * 4, 32)
    assert (never.rank, never.points, never.away_kb) == (None, None, None)
    assert big.away_kb is None  # all that it has, given back, leaves it above a process with a negative adj


def test_a_first_that_could_be_spared_is_told_by_how_much(scene: Scene) -> None:
    scene.run(200, b"a", 8_000, adj=0)
    scene.run(201, b"b", 7_000, adj=0)
    scene.record(2)
    found = last(scene)
    assert of(found, 200).away_kb == -1_000  # of equals the later is taken
    assert of(found, 201).away_kb == 1_000


def test_swap_counts_and_so_does_the_total_with_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring")
    scene.meminfo["SwapTotal"] = 20_000
    scene.boot()
    scene.run(200, b"swapped", 3_000, swap_kb=2_000, adj=0)
    scene.record(2)
    found = last(scene)
    assert (found.swap_kb, found.total_kb) == (20_000, 85_536)
    assert of(found, 200).points == (1_000 + 400) // 4 + 500


@pytest.mark.parametrize(("kernel", "points"), [("4.4.0", 970), ("4.19.0", 1_000), ("6.1.0", 1_000)])
def test_root_has_its_bonus_where_the_kernel_gives_one(scene: Scene, kernel: str, points: int) -> None:
    scene.event("machine", kernel=kernel, page_size="4096", machine="x86_64")
    scene.run(200, b"rootd", 3_600, adj=0, uid=0)
    scene.run(201, b"userd", 3_600, adj=0, uid=1000)
    scene.record(2)
    found = last(scene)
    assert (of(found, 200).points, of(found, 201).points) == (points, 1_000)


@pytest.mark.parametrize(
    ("kernel", "machine", "points"), [("4.14.0", "armv7l", 12), ("4.14.0", "x86_64", 6), ("4.19.0", "armv7l", 6)]
)
def test_page_tables_count_as_that_kernel_counts_them(scene: Scene, kernel: str, machine: str, points: int) -> None:
    """Before 4.15 in tables, of which two share a page on ARM."""
    scene.event("machine", kernel=kernel, page_size="4096", machine=machine)
    scene.run(200, b"d", 3_600, adj=0, page_tables_kb=24, uid=1000)
    scene.record(2)
    assert of(last(scene), 200).points == 1_000 + points


def test_a_kernel_that_is_not_recorded_is_taken_as_the_newest_and_one_too_old_tells_nothing(scene: Scene) -> None:
    scene.run(200, b"d", 3_600)
    scene.event("machine", page_size="4096", host="board")
    scene.record(2).flush()
    found = at(scene.load())
    assert (found.kernel, found.era) == (None, "5.9")
    scene.event("machine", kernel="2.6.35", page_size="4096")
    scene.record(2)
    recording = scene.flush().load()
    assert outlook(recording.boots, 0, recording.boots[0].sample_at[-1]) == Unknown.NO_GROUND


@pytest.mark.parametrize("seed", range(20))
def test_the_same_values_rank_alike_in_a_sample_and_in_a_report(seed: int, tmp_path: Path) -> None:
    dice = random.Random(f"samples and reports {seed}")
    scene = Scene(tmp_path / "ring")
    swap_kb = dice.choice([0, 40_000])
    scene.meminfo["SwapTotal"] = swap_kb
    scene.boot()
    columns = tuple(b"pid uid tgid total_vm rss pgtables_bytes swapents oom_score_adj name".split())
    report = Report(Place(1, 9, None, None), kernel=b"6.1.0", columns=columns, tasks=[], complete=True)
    report.ram_pages, report.reserved_pages, report.swap_total_kb = 16_384, 0, swap_kb
    for pid in range(200, 200 + dice.randrange(1, 30)):
        adj = dice.choice([0, 0, 0, -1000, -500, 300, dice.randrange(-1000, 1001)])
        size, tables, swap = dice.randrange(2_000) * 4, dice.randrange(1, 20) * 4, dice.randrange(300) * 4
        size += swap  # of anonymous memory, that part of it is in swap
        program = scene.run(pid, b"p%d" % pid, size, adj=adj, page_tables_kb=tables, swap_kb=swap, uid=1000)
        rss = (size - swap + program.file_kb) // 4
        assert report.tasks is not None
        task = Task(pid, program.name, 1000, pid, 5_000 + pid, rss, pgtables_bytes=tables * 1024, swapents=swap // 4)
        report.tasks.append(replace(task, oom_score_adj=adj))
    scene.record(1)
    found = last(scene)
    choice = choose(report)
    assert choice.found.era.name == found.era
    assert [(one.rank, one.pid, one.points) for one in found.ranking] == [
        (entry.rank, entry.pid, entry.points) for entry in choice.ranking
    ]
    assert choice.total.pages is not None
    processes = [entry.process for entry in sorted(choice.ranking, key=lambda entry: entry.place)]
    era, total = choice.found.era, choice.total.pages
    ranked = rank(processes, era, total)
    for one in found.ranking:
        if one.away_kb is not None:
            pages = away_pages(ranked, one.pid, era, total)
            assert pages is not None and pages * 4 == one.away_kb
    recording = scene.load()
    brief = outlook(recording.boots, 0, recording.boots[0].sample_at[-1], brief=True)
    chosen = [one for number, one in enumerate(found.ranking) if number < 3 or (one.oom_score_adj or 0) < 0]
    assert brief == replace(found, ranking=chosen)


# -- who is a candidate --------------------------------------------------------------------------------


def test_neither_pid_1_nor_kernel_threads_nor_zombies_nor_the_dying_are_candidates(scene: Scene) -> None:
    scene.run(1, b"init", 300)
    scene.run(2, b"kthreadd", 0, kernel=True)
    scene.run(200, b"zombie", 900, state=ZOMBIE)
    scene.run(201, b"dying", 900, exiting=True)
    scene.run(202, b"alive", 900)
    scene.record(3)
    assert pids(last(scene)) == [202]


def test_only_who_lived_then_is_a_candidate(scene: Scene) -> None:
    scene.run(200, b"first", 900)
    scene.record(5)
    scene.end(200)
    scene.run(201, b"second", 900)
    scene.record(5)
    recording = scene.flush().load()
    assert pids(at(recording, 14_000)) == [200]
    assert pids(at(recording, 15_000)) == [201]


def test_a_size_is_that_of_the_instant(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 1_000 * t)
    scene.record(10)
    recording = scene.flush().load()
    assert [of(at(recording, at_ms), 200).rss_kb for at_ms in (10_000, 15_000, 19_000)] == [400, 5_400, 9_400]


def test_who_ended_while_the_agent_did_not_run_is_no_candidate(scene: Scene) -> None:
    """No record tells of its end; but an agent that starts writes everybody."""
    scene.run(200, b"ended", 900)
    scene.run(201, b"lives", 900)
    scene.record(5).flush()
    del scene.programs[200]
    scene.start()
    scene.record(5)
    recording = scene.flush().load()
    assert sorted(pids(at(recording, 14_000))) == [200, 201]
    assert pids(at(recording)) == [201]


def test_of_two_with_one_pid_the_later_lives(scene: Scene) -> None:
    scene.run(200, b"old", 900)
    scene.record(5)
    scene.run(200, b"new", 700)  # the end of the other was not seen
    scene.record(5)
    found = last(scene)
    assert [(one.pid, one.name) for one in found.ranking] == [(200, b"new")]


def test_who_is_not_seen_again_after_a_gap_is_counted_and_left_out(scene: Scene) -> None:
    scene.run(200, b"quiet", 900)
    scene.run(201, b"grows", lambda t: 900 + 10 * t)
    scene.record(40)
    recording = scene.flush().load()
    recording.boots[0].gaps.append(Gap(20_000, 25_000, 1))
    found = at(recording)
    assert pids(found) == [201]
    assert (found.lost, found.stale) == (1, 0)
    before = at(recording, 20_000)
    assert sorted(pids(before)) == [200, 201]
    assert (before.lost, before.stale) == (0, 0)


def test_whom_the_agent_gave_up_for_want_of_room_is_counted_and_left_out(scene: Scene) -> None:
    small = scene.run(200, b"small", 900)
    scene.run(201, b"large", 5_000)
    scene.record(5)
    scene.encoder.gone(scene.now_ms, scene.tables["process"], small.key, small.key, [(b"untracked", b"1")])
    del scene.programs[200]
    scene.record(5)
    found = last(scene)
    assert pids(found) == [201]
    assert found.untracked == 1


# -- what is known of each -----------------------------------------------------------------------------


def test_an_adj_that_was_never_recorded_is_unknown_and_reckoned_as_0(scene: Scene) -> None:
    scene.run(200, b"d", 3_600)
    scene.record(2)
    found = last(scene)
    one = of(found, 200)
    assert (one.oom_score_adj, one.swap_kb, one.page_tables_kb, one.details_age_ms, one.points) == (
        None, None, None, None, 1_000,
    )  # fmt: skip
    assert (found.adj_unknown, found.sizes_unknown) == (1, 1)


def test_an_adj_that_was_read_only_later_is_taken_and_said_to_be(scene: Scene) -> None:
    program = scene.run(200, b"d", 3_600)
    scene.record(5)
    program.adj, program.page_tables_kb = -500, 40
    scene.record(5)
    recording = scene.flush().load()
    early, late = of(at(recording, 12_000), 200), of(at(recording), 200)
    assert (early.oom_score_adj, early.adj_later, early.page_tables_kb) == (-500, True, None)
    assert (late.oom_score_adj, late.adj_later, late.page_tables_kb) == (-500, False, 40)
    assert late.details_age_ms == 4_000


def test_what_tune_set_counts_from_then_on(scene: Scene) -> None:
    program = scene.run(200, b"d", 3_600, adj=0)
    scene.record(5)
    scene.event("tune", key=program.key, name="d", old="0", new="-900", rule="d")
    scene.event("tune", key=program.key, name="d", old="0", wanted="-1000", error="13", rule="d")
    scene.record(5)
    recording = scene.flush().load()
    assert of(at(recording, 14_000), 200).oom_score_adj == 0
    assert of(at(recording), 200).oom_score_adj == -900


# -- the kernel's own word -----------------------------------------------------------------------------


def test_the_kernels_own_score_is_held_against_the_model(scene: Scene) -> None:
    """1,000 of 16,384 pages are 61 thousandths: (1000 + 61) * 2/3 = 707."""
    scene.run(200, b"right", 3_600, adj=0, page_tables_kb=0, oom_score=707)
    scene.run(201, b"wrong", 1_600, adj=0, page_tables_kb=0, oom_score=900)
    scene.run(202, b"silent", 600)
    scene.record(3)
    check = last(scene).check
    assert (check.compared, check.agreeing) == (2, 1)
    assert (check.first_agrees, check.highest, check.highest_pid) == (False, b"wrong", 201)


def test_a_score_of_0_gives_a_vfork_child_away(scene: Scene) -> None:
    scene.run(200, b"parent", 3_600, adj=0, page_tables_kb=0, oom_score=707)
    scene.run(201, b"child", 3_600, adj=0, page_tables_kb=0, oom_score=0)
    scene.run(202, b"has called exec", lambda t: 3_600 if t < 2 else 5_000, adj=0, page_tables_kb=0, oom_score=0)
    scene.record(4)
    found = last(scene)
    assert [(one.pid, one.rank, one.passed_over) for one in found.ranking] == [
        (202, 1, False),
        (200, 2, False),
        (201, None, True),
    ]
    assert (found.check.compared, found.check.agreeing) == (3, 2)


# -- groups --------------------------------------------------------------------------------------------


def test_a_group_at_its_limit_has_a_ranking_of_its_own(scene: Scene) -> None:
    scene.groups = {b"/app": (5 * MB, 6 * MB, None, 0, 0), b"/other": (MB, None, None, 0, 0)}
    scene.run(200, b"outside", 9_000, adj=0)
    scene.run(201, b"inside", 900, adj=0, group=b"/app")
    scene.run(202, b"below", 700, adj=200, group=b"/app/sub")
    scene.run(203, b"near", 5_000, adj=0, group=b"/apple")
    scene.record(3)
    found = last(scene)
    (group,) = found.groups
    assert (group.path, group.members, group.limit_kb, group.usage_kb) == (b"/app", 2, 6 * 1024, 5 * 1024)
    # 1,536 pages: 1 a step. 275 + 200 against 325; globally 16 a step.
    assert [(one.pid, one.points) for one in group.ranking] == [(202, 475), (201, 325)]
    assert pids(found)[0] == 202


# -- with a change -------------------------------------------------------------------------------------


def test_a_change_is_reckoned_with(scene: Scene) -> None:
    scene.run(200, b"bigd", 8_000, adj=0)
    scene.run(201, b"vitald", 6_000, adj=-100)
    scene.record(3)
    assert pids(last(scene)) == [200, 201]
    changed = last(scene, Change(rules=(rule("bigd=-900"), rule("nope=1"))))
    assert pids(changed) == [201, 200]
    assert of(changed, 200).oom_score_adj == -900
    assert [one.name for one in changed.unmatched] == [b"nope"]
    assert last(scene, Change(ram_kb=-32_768)).total_kb == 32_768


# -- which instant -------------------------------------------------------------------------------------


def test_a_report_tells_of_the_last_sample_before_the_first_kill(scene: Scene) -> None:
    scene.run(200, b"victim", 9_000, adj=0)
    scene.run(201, b"vital", 700, adj=-900)
    scene.run(202, b"a", 600, adj=0)
    scene.run(203, b"b", 500, adj=0)
    scene.run(204, b"c", 400, adj=0)
    scene.record(5)
    scene.oom_kill(200)
    scene.record(5)
    recording = scene.flush().load()
    events = oom_events(recording)
    assert before_kill(recording, events) == Instant(0, 14_000)
    found = in_brief(recording, events)
    assert found is not None
    assert pids(found) == [200, 202, 203, 201]
    assert found.candidates == 5
    without = in_brief(recording, [])
    assert without is not None and without.at.uptime_ms == 19_000


def test_a_sample_after_the_kill_is_not_before_it_though_the_kernels_clock_runs_ahead(scene: Scene) -> None:
    scene.run(200, b"victim", 9_000, adj=0)
    scene.run(201, b"other", 900, adj=0)
    scene.record(5)
    scene.end(200, 9)
    scene.sample()
    scene.at_s += 0.1
    scene.kernel_says(b"Out of memory: Killed process 200 (victim) total-vm:9kB, anon-rss:9kB, file-rss:0kB")
    scene.record(2)
    recording = scene.flush().load()
    assert before_kill(recording, oom_events(recording)) == Instant(0, 14_000)


def test_nothing_recorded_is_no_instant(scene: Scene) -> None:
    recording = scene.flush().load()
    assert last_sample(recording) is None
    assert before_kill(recording, []) is None
    assert in_brief(recording, []) is None
    scene.record(2)
    recording = scene.flush().load()
    assert outlook(recording.boots, 0, 11_000) == Unknown.NO_PROCESSES
    assert Lives(recording.boots[0]).at(11_000).candidates == []
