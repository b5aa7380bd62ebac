"""One instant of a recording: who was there, how large, how busy, and whom the kernel would have killed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgasp.analysis.presence import Parting, presences
from lastgasp.analysis.replay import Replay
from lastgasp.analysis.snapshot import Snapshot, Task
from lastgasp.analysis.snapshots import Snapshots
from lastgasp.analysis.victim.instants import Instant
from lastgasp.analysis.victim.live import Lives
from lastgasp.analysis.victim.next_victim import Outlook, outlook
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording
from scene import ZOMBIE, Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[1] / "recordings"
REAL = ("armhf-6.1-adj-down", "armhf-6.1-memcg-adj", "armhf-6.1-protected-leaker", "armhf-6.1-vfork")
KB = 1024


def real(name: str) -> Recording:
    (recording,) = load(str(RECORDINGS / f"{name}.ring.gz"))
    return recording


def task(snapshot: Snapshot, pid: int) -> Task:
    (found,) = (task for task in snapshot.tasks if task.pid == pid)
    return found


def last(scene: Scene) -> Snapshot:
    recording = scene.load()
    return Snapshots(recording).at(Replay(recording).instant)


def test_a_process_is_as_it_was_recorded(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    leak = scene.run(200, b"leakd", lambda t: 1000 + 100 * t, adj=-17, page_tables_kb=8, swap_kb=40, oom_score=3)
    for _ in range(60):
        leak.cpu_ticks += 25
        scene.record(1)
    scene.flush()
    found = task(last(scene), 200)
    assert (found.anon_bytes, found.swap_bytes) == ((1000 + 5900 - 40) * KB, 40 * KB)
    assert found.cpu_share == 0.25
    assert found.growth_per_h == 100 * 3600 * KB
    assert (found.oom_score_adj, found.oom_score, found.page_tables_bytes) == (-17, 3, 8 * KB)
    assert found.oom_rank == 1


def test_what_was_never_recorded_is_unknown(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"x", 500)
    scene.sample()
    scene.flush()
    snapshot = last(scene)
    found = task(snapshot, 200)
    assert (found.swap_bytes, found.oom_score_adj, found.cpu_share, found.growth_per_h) == (None, None, None, None)
    assert (snapshot.load, snapshot.cpu_share, snapshot.stall_share, snapshot.since_ms) == (None, None, None, None)


def test_who_ended_is_there_up_to_the_sample_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"brief", 500)
    scene.run(300, b"stays", 500)
    scene.record(3)
    scene.end(200)
    scene.record(3)
    scene.flush()
    recording = scene.load()
    snapshots = Snapshots(recording)
    there = [[one.pid for one in snapshots.at(Instant(0, at)).tasks] for at in recording.boots[0].sample_at]
    assert there == [[200, 300]] * 3 + [[300]] * 3


def test_a_pid_that_is_used_again_is_one_process_at_a_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"first", 500)
    scene.record(3)
    del scene.programs[200]  # its end was not seen
    scene.run(200, b"second", 600)
    scene.record(3)
    scene.flush()
    recording = scene.load()
    snapshots = Snapshots(recording)
    names = [[one.name for one in snapshots.at(Instant(0, at)).tasks] for at in recording.boots[0].sample_at]
    assert names == [[b"first"]] * 3 + [[b"second"]] * 3
    assert [one.parting for one in presences(recording.boots[0])] == [Parting.PID_REUSED, Parting.OPEN]


def test_who_is_not_written_by_the_next_run_of_the_agent_had_ended(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"old", 500)
    scene.run(300, b"stays", 500)
    scene.record(3)
    scene.flush()
    del scene.programs[200]
    scene.start()
    scene.record(3)
    scene.flush()
    assert [one.pid for one in last(scene).tasks] == [300]
    assert last(scene).lost == 0


def test_the_cpu_of_a_sample_is_not_reckoned_over_a_restart_of_the_agent(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    busy = scene.run(200, b"busy", 500)
    scene.record(3)
    scene.flush()
    scene.start()
    busy.cpu_ticks += 1000
    scene.sample()
    scene.flush()
    assert last(scene).since_ms is None
    assert task(last(scene), 200).cpu_share is None


def test_a_gap_leaves_it_open_who_lived_on(tmp_path: Path) -> None:
    STORIES["three_boots_and_a_hole"](tmp_path / "r.lgr")
    (recording,) = load(str(tmp_path / "r.lgr"))
    boot = recording.boots[1]
    assert boot.gaps
    snapshots = Snapshots(recording)
    for at_ms in boot.sample_at:
        snapshot = snapshots.at(Instant(1, at_ms))
        assert {one.pid for one in snapshot.tasks} | ({200} if snapshot.lost else set()) == {200}


def test_a_zombie_has_no_growth(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    dead = scene.run(200, b"dead", 5000)
    scene.record(60)
    dead.state = ZOMBIE
    scene.record(2)
    scene.flush()
    found = task(last(scene), 200)
    assert (found.state, found.growth_per_h, found.oom_rank) == ("Z", None, None)


@pytest.mark.parametrize("name", REAL)
def test_the_processes_and_their_ranks_are_those_of_what_if(name: str) -> None:
    """At each sample of real recordings: who may be killed, in which order, and with which adj."""
    recording = real(name)
    boot = recording.boots[0]
    snapshots, lives = Snapshots(recording), Lives(boot)
    for at_ms in boot.sample_at[:: max(len(boot.sample_at) // 6, 1)]:
        found = {one.key: one for one in snapshots.at(Instant(0, at_ms)).tasks}
        wanted = outlook(recording.boots, 0, at_ms, lives=lives)
        assert isinstance(wanted, Outlook)
        for standing in wanted.ranking:
            assert found[standing.key].oom_rank == standing.rank
            assert found[standing.key].oom_score_adj == standing.oom_score_adj
            assert found[standing.key].rss_bytes == standing.rss_kb * KB


def test_memory_is_that_of_meminfo() -> None:
    recording = real("armhf-6.1-adj-down")
    boot = recording.boots[0]
    snapshots = Snapshots(recording)
    for at_ms in boot.sample_at:
        memory = snapshots.at(Instant(0, at_ms)).memory
        assert memory.available == (boot.value_at("meminfo", b"", "MemAvailable", at_ms) or 0) * KB
        assert memory.total == 111_188 * KB
        assert memory.used == memory.total - memory.available


# -- moving ----------------------------------------------------------------------------------------------


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Three minutes with two marks and two kills, then a second boot of half a minute."""
    scene = Scene(tmp_path / "r.lgr").boot()
    for pid in (200, 300):
        scene.run(pid, b"x%d" % pid, 500)
    scene.event("mark", text="zero")
    scene.record(60)
    scene.oom_kill(200)
    scene.record(60)
    scene.event("mark", text="one")
    scene.record(30)
    scene.oom_kill(300)
    scene.record(30)
    scene.flush()
    scene.boot(2, wall="2026-11-23 15:00:00")
    scene.record(30)
    scene.flush()
    return Replay(scene.load())


def where(replay: Replay) -> tuple[int, int]:
    """Boot, and seconds since its first sample."""
    return replay.instant.boot + 1, (replay.instant.at_ms - 10_000) // 1000


def test_one_begins_at_the_last_sample_and_no_step_leads_out(replay: Replay) -> None:
    assert where(replay) == (2, 29) and replay.at_end
    replay.step(1)
    assert where(replay) == (2, 29)
    replay.first()
    replay.step(-1)
    assert where(replay) == (1, 0)


def test_a_minute_back_stops_at_the_beginning_of_a_boot_once(replay: Replay) -> None:
    found = []
    for _ in range(5):
        replay.jump(-60_000)
        found.append(where(replay))
    assert found == [(2, 0), (1, 179), (1, 119), (1, 59), (1, 0)]
    replay.jump(60_000)
    assert where(replay) == (1, 60)
    replay.jump(3_600_000)
    assert where(replay) == (1, 179)
    replay.jump(3_600_000)
    assert where(replay) == (2, 0)


def test_the_next_kill_is_the_sample_before_it_and_goes_round(replay: Replay) -> None:
    found = []
    for _ in range(3):
        assert replay.next_kill()
        found.append(where(replay))
    assert found == [(1, 59), (1, 149), (1, 59)]


def test_the_next_mark_is_the_sample_at_it(replay: Replay) -> None:
    found = []
    for _ in range(3):
        assert replay.next_mark()
        found.append(where(replay))
    assert found == [(1, 0), (1, 120), (1, 0)]


def test_without_kills_and_marks_one_stays(tmp_path: Path) -> None:
    STORIES["a_single_sample"](tmp_path / "r.lgr")
    replay = Replay(load(str(tmp_path / "r.lgr"))[0])
    assert (replay.next_kill(), replay.next_mark(), replay.place) == (False, False, 0)
    replay.jump(-1)
    replay.jump(1)
    assert replay.place == 0


@pytest.mark.parametrize(
    ("pages", "steady"),
    [
        (lambda t: 1000 + t, True),
        (lambda t: 1000 + t // 20 * 20, True),
        (lambda t: 1000 + 9 * t % 400, False),
        (lambda t: 1000 + 500 * (t > 150), False),
        (lambda t: 1000 - t, False),
        (lambda t: 1000, False),
    ],
    ids=["leak", "stairs", "sawtooth", "step", "shrinks", "constant"],
)
def test_only_what_grows_without_a_pause_is_steady(
    tmp_path: Path, pages: Callable[[float], float], steady: bool
) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"x", pages)
    scene.record(300)
    scene.flush()
    assert task(last(scene), 200).growth_steady is steady


def test_a_process_seen_for_seconds_is_not_judged(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"x", lambda t: 1000 + t)
    scene.record(20)
    scene.flush()
    assert task(last(scene), 200).growth_steady is None


def test_stalls_are_shares_of_the_time_since_the_sample_before() -> None:
    recording = real("armhf-6.1-adj-down")
    snapshot = Snapshots(recording).at(Replay(recording).instant)
    assert [stall.resource for stall in snapshot.stalls] == ["memory", "io", "cpu"]
    assert all(0 <= share <= 1 for stall in snapshot.stalls for share in (stall.some, stall.full) if share is not None)
    assert snapshot.stall_share == snapshot.stalls[0].some
    (boot,) = recording.boots
    at, before = boot.sample_at[-1], boot.sample_at[-2]
    times, totals = boot.points("pressure", b"io", "some_us")
    waited_us = totals[bisect_right(times, at) - 1] - totals[bisect_right(times, before) - 1]
    assert snapshot.stalls[1].some == min(waited_us / 1000 / (at - before), 1)
