"""How close a process came to being the next over a recording, against looking at every sample by itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lastgasp.analysis.victim.closest import Course, courses
from lastgasp.analysis.victim.next_victim import Outlook, Standing, outlook
from lastgasp.oom.what_if import Change, Rule, rule
from lastgasp.timeline.model import Gap, Recording
from scene import Scene


def named(name: bytes) -> Rule:
    return Rule(0, name=name)


def one(recording: Recording, pattern: Rule, change: Change | None = None) -> Course:
    (found,) = courses(recording, [pattern], change)
    return found


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def test_the_closest_moment_and_the_share_of_the_time_as_first(scene: Scene) -> None:
    scene.run(200, b"grows", lambda t: 100 * t, adj=0)
    scene.run(201, b"steady", 4_050, adj=0)
    scene.record(81)
    recording = scene.flush().load()
    grows, steady = one(recording, named(b"grows")), one(recording, named(b"st*"))
    assert (grows.lives, grows.alive_ms, grows.first_ms) == (1, 80_000, 39_000)
    assert grows.first_from is not None and grows.first_from.uptime_ms == 51_000
    assert grows.closest is not None
    assert (grows.closest.at.uptime_ms, grows.closest.away_kb) == (90_000, -3_952)
    assert steady.share == pytest.approx(41 / 80)
    assert steady.closest is not None and steady.closest.at.uptime_ms == 10_000


def test_who_may_not_be_killed_never_comes_close(scene: Scene) -> None:
    scene.run(200, b"protected", 9_000, adj=-1000)
    scene.run(201, b"other", 900, adj=0)
    scene.record(5)
    found = one(scene.flush().load(), named(b"protected"))
    assert (found.lives, found.alive_ms, found.closest, found.first_from) == (1, 4_000, None, None)


def test_a_change_goes_through_the_whole_recording(scene: Scene) -> None:
    scene.run(200, b"big", 9_000, adj=0)
    scene.run(201, b"small", 900, adj=0)
    scene.record(5)
    recording = scene.flush().load()
    assert one(recording, named(b"small")).share == 0
    assert one(recording, named(b"small"), Change(rules=(rule("big=-900"),))).share == 1


def test_all_lives_of_a_name_count_in_every_boot(scene: Scene) -> None:
    for number in (1, 2):
        scene.boot(number, wall=f"2026-11-2{number} 14:00:00")
        scene.run(200, b"other", 2_000, adj=0)
        scene.run(201, b"daemon", 1_000 * number, adj=0)
        scene.record(5)
        scene.end(201)
        scene.run(202, b"daemon", 500, adj=0)
        scene.record(5).flush()
    found = one(scene.load(), named(b"daemon"))
    assert found.lives == 4
    assert found.closest is not None
    assert (found.closest.at.boot, found.closest.pid, found.closest.away_kb) == (
        2,
        201,
        -4,
    )  # of equals the later is the first


def test_nobody_of_that_name_is_no_life(scene: Scene) -> None:
    scene.run(200, b"other", 2_000)
    scene.record(3)
    found = one(scene.flush().load(), named(b"nobody"))
    assert (found.lives, found.share, found.closest) == (0, None, None)


@pytest.mark.parametrize("kernel", ["3.10.0", "4.9.0", "5.4.0", "6.1.0"])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_every_sample_by_itself_tells(kernel: str, seed: int, tmp_path: Path) -> None:
    """Births, deaths, pids used again, restarts of the agent, gaps, swap that is switched on, adj that is set."""
    dice = random.Random(f"closest {kernel} {seed}")
    scene = Scene(tmp_path / "ring")
    scene.boot()
    scene.event("machine", kernel=kernel, page_size="4096", machine="armv7l")
    for _ in range(60):
        for _ in range(dice.randrange(3)):
            happens(scene, dice, kernel)
        scene.record(dice.randrange(1, 4))
    recording = scene.flush().load()
    for boot in recording.boots:
        if dice.random() < 0.7 and len(boot.sample_at) > 9:
            middle = boot.sample_at[len(boot.sample_at) // 2]
            boot.gaps.append(Gap(middle + 100, middle + 2_900, 1))
    change = Change(rules=(rule("p3=-100"),), swap_kb=8_000) if dice.random() < 0.5 else Change()
    for name in (b"p1", b"p2", b"p3", b"p*"):
        found = one(recording, named(name), change)
        least, firsts, lives = tried(recording, named(name), change)
        assert (found.closest.away_kb if found.closest else None) == least
        assert (found.first_from is not None) == firsts
        assert found.lives == lives


def happens(scene: Scene, dice: random.Random, kernel: str) -> None:
    """One thing of many."""
    what = dice.randrange(8)
    pid = dice.randrange(200, 206)
    if what < 3:
        size = dice.randrange(200, 9_000)
        program = scene.run(pid, b"p%d" % dice.randrange(1, 6), lambda t: size + 50 * t, uid=dice.choice([0, 1000]))
        if dice.random() < 0.8:
            program.adj = dice.choice([0, 0, 0, -1000, -50, 20, 300])
            program.page_tables_kb = dice.randrange(4, 80)
            program.swap_kb = dice.choice([0, 100])
    elif what == 3 and pid in scene.programs:
        scene.end(pid)
    elif what == 4 and pid in scene.programs and scene.programs[pid].adj is not None:
        scene.programs[pid].adj = dice.randrange(-200, 200)
    elif what == 5:
        scene.meminfo["SwapTotal"] = dice.choice([0, 10_000])
    elif what == 6 and dice.random() < 0.3:
        scene.programs.pop(pid, None)  # while the agent did not run
        scene.start(kernel=kernel)
    elif what == 7 and pid in scene.programs:
        program = scene.programs[pid]
        scene.event("tune", key=program.key, name="p", old="0", new=str(dice.randrange(-300, 300)))


def tried(recording: Recording, pattern: Rule, change: Change) -> tuple[int | None, bool, int]:
    """The least distance, whether one of them ever was the first, and how many there were: every sample by itself."""
    least: list[int] = []
    firsts = False
    keys: set[tuple[int, bytes]] = set()
    for index, boot in enumerate(recording.boots):
        for at_ms in boot.sample_at:
            found = outlook(recording.boots, index, at_ms, change)
            if not isinstance(found, Outlook):
                continue
            for standing in found.ranking:
                if pattern.fits(standing.pid, standing.name):
                    keys.add((index, standing.key))
                    firsts = firsts or standing.rank == 1
                    least += distance(standing)
    return min(least, default=None), firsts, len(keys)


def distance(standing: Standing) -> list[int]:
    """A first that nothing would spare could give back all of its RSS."""
    if standing.away_kb is not None:
        return [standing.away_kb]
    return [-standing.rss_kb] if standing.rank == 1 else []
