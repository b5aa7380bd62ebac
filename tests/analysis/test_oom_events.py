"""OOM kills out of kernel messages of real kernels, and of messages that mean harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lastgasp.analysis.oom.events import OomEvent, kills_counted, oom_events, reported_ms, reports
from lastgasp.oom.parser import parse
from scene import Scene

LOGS = Path(__file__).parents[1] / "oomlogs"
KB = 1024


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def told(scene: Scene, *texts: bytes) -> list[OomEvent]:
    scene.kernel_says(*texts)
    return oom_events(scene.flush().load())


def recorded_log(scene: Scene, name: str) -> list[OomEvent]:
    """The events of a real kernel's log, as the agent would have recorded it."""
    records = (LOGS / name).read_bytes().splitlines()
    times = [record.split(b",")[2] for record in records if record.count(b",") > 2 and b";" in record]
    written_ms = max([scene.now_ms, *(int(at) // 1000 for at in times if at.isdigit())])
    for start in range(0, len(records), 10):
        scene.encoder.kmsg(written_ms, records[start : start + 10])
    return oom_events(scene.flush().load())


def test_a_global_kill_tells_who_asked_and_who_died(scene: Scene) -> None:
    (event,) = recorded_log(scene, "armhf-global-c.kmsg")
    assert event.invoker == b"leaker"
    assert (event.victim, event.victim_pid) == (b"leaker", 95)
    assert event.constraint == "CONSTRAINT_NONE"
    assert not event.limited_by_group
    assert (event.anon_bytes, event.file_bytes, event.shmem_bytes) == (59892 * KB, 4 * KB, 388 * KB)
    assert (event.order, event.oom_score_adj) == (0, 0)
    assert event.at.uptime_ms == 9238


@pytest.mark.parametrize("name", ["armhf-memcg.kmsg", "x86-memcg1-plain.kmsg"])
def test_a_kill_within_a_memory_group_names_the_group(scene: Scene, name: str) -> None:
    event = recorded_log(scene, name)[-1]
    assert event.limited_by_group
    assert event.group
    assert event.victim == b"leaker"


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.glob("*.kmsg")))
def test_the_events_are_the_reports_that_a_log_of_the_same_lines_gives(scene: Scene, name: str) -> None:
    told = [
        (report.place.uptime_us // 1000, victim.pid, victim.name)
        for report in parse((LOGS / name).read_bytes().splitlines(keepends=True))
        if report.place.uptime_us is not None
        for victim in report.victims
    ]
    events = [event for event in recorded_log(scene, name) if event.victim is not None]
    assert [(event.at.uptime_ms, event.victim_pid, event.victim) for event in events] == told
    assert bool(told) == ("overcommit2" not in name)


def test_a_kernels_clock_that_runs_ahead_is_not_believed(scene: Scene) -> None:
    """The agent had written the report down already, by a clock that is 2 s behind the time in it."""
    log = (LOGS / "armhf-global-c.kmsg").read_bytes()
    ahead_us = (scene.now_ms + 2_000) * 1000
    records = re.sub(rb"^(\d+,\d+),\d+,", rb"\g<1>,%d," % ahead_us, log, flags=re.M).splitlines()
    for start in range(0, len(records), 10):
        scene.encoder.kmsg(scene.now_ms, records[start : start + 10])
    recording = scene.flush().load()
    (event,) = oom_events(recording)
    assert event.at.uptime_ms == scene.now_ms
    (report,) = reports(recording.boots[0])
    assert report.place.uptime_us == ahead_us
    assert reported_ms(recording.boots[0], report) == scene.now_ms


def test_all_of_a_group_are_events_and_only_the_first_tells_who_asked(scene: Scene) -> None:
    events = recorded_log(scene, "armhf-memcg-group.kmsg")
    assert [event.victim for event in events] == [b"leaker", b"inA", b"inB"]
    assert [event.invoker for event in events] == [b"leaker", None, None]
    assert {event.group for event in events} == {b"/app"} and all(event.limited_by_group for event in events)


def test_refusals_of_overcommit_are_no_kills(scene: Scene) -> None:
    assert recorded_log(scene, "armhf-overcommit2.kmsg") == []


def test_kill_lines_without_a_report_are_events_of_their_own(scene: Scene) -> None:
    kills = (LOGS / "armhf-nodump.kmsg").read_bytes().count(b"Killed process")
    events = recorded_log(scene, "armhf-nodump.kmsg")
    assert kills
    assert sum(event.anon_bytes is not None for event in events) == kills


def test_the_line_of_kernels_before_5_1_is_understood(scene: Scene) -> None:
    (event,) = told(
        scene,
        b"sh invoked oom-killer: gfp_mask=0x24201ca, order=0, oom_score_adj=0",
        b"Out of memory: Kill process 412 (sensord) score 513 or sacrifice child",
        b"Killed process 412 (sensord) total-vm:99999kB, anon-rss:31000kB, file-rss:12kB",
    )
    assert (event.invoker, event.victim, event.victim_pid, event.anon_bytes) == (b"sh", b"sensord", 412, 31000 * KB)
    assert event.constraint is None


def test_the_group_of_kernels_before_5_0_is_understood(scene: Scene) -> None:
    (event,) = told(
        scene,
        b"app invoked oom-killer: gfp_mask=0x24000c0, order=0, oom_score_adj=0",
        b"Task in /app/one killed as a result of limit of /app",
        b"Memory cgroup out of memory: Kill process 412 (app) score 990 or sacrifice child",
        b"Killed process 412 (app) total-vm:99999kB, anon-rss:31000kB, file-rss:12kB",
    )
    assert (event.group, event.limited_by_group) == (b"/app", True)


def test_a_victim_that_is_told_twice_is_one_victim(scene: Scene) -> None:
    """memory.oom.group repeats the first victim's line."""
    line = b"Memory cgroup out of memory: Killed process %d (app) total-vm:99kB, anon-rss:%dkB, file-rss:1kB"
    assert [event.victim_pid for event in told(scene, line % (7, 50), line % (7, 50), line % (8, 20))] == [7, 8]


def test_a_panic_is_an_event_with_its_words(scene: Scene) -> None:
    (event,) = told(
        scene,
        b"sh invoked oom-killer: gfp_mask=0x24201ca, order=0, oom_score_adj=0",
        b"Kernel panic - not syncing: System is deadlocked on memory",
    )
    assert event.panic == "System is deadlocked on memory"
    assert event.victim is None


def test_a_report_without_an_end_is_an_event_without_a_victim(scene: Scene) -> None:
    (event,) = told(scene, b"sh invoked oom-killer: gfp_mask=0x24201ca, order=2, oom_score_adj=0")
    assert (event.victim, event.order) == (None, 2)


def test_what_happened_before_the_recording_is_marked_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "late").boot(uptime_s=500)
    scene.encoder.kmsg(500_000, [b"3,77,4000000,-;Out of memory: Killed process 7 (app) total-vm:9kB, anon-rss:5kB"])
    (event,) = oom_events(scene.flush().load())
    assert event.before_recording
    assert event.at.uptime_ms == 4000


@pytest.mark.parametrize(
    "name",
    [
        b"ev,pid=1) [7]",
        b"x) total-vm:1kB",
        b"a,task=b,pid=9",
        b" invoked oom-killer: ",
        b"\x1b[31m\n",
        b"\\x41",
        b"\xff\xfe",
        b"",
    ],
)
def test_a_name_that_looks_like_more_of_the_line_stays_a_name(scene: Scene, name: bytes) -> None:
    scene.run(412, name, 900)
    scene.record(2)
    scene.oom_kill(412, b"/app")
    (event,) = oom_events(scene.flush().load())
    assert (event.victim, event.victim_pid, event.group) == (name, 412, b"/app")
    assert event.anon_bytes == 900 * KB


@pytest.mark.parametrize(
    "text",
    [
        b"Killed process 99999999999999999999 (x) total-vm:1kB",
        b"oom-kill:constraint=,task=,pid=,uid=",
        b"x invoked oom-killer: order=99999999999999999999999",
        b"Killed process",
        b"Task in  killed as a result of limit of ",
        b"Killed process 1 (x) total-vm:1kB, anon-rss:" + b"9" * 1000 + b"kB oom_score_adj:--1",
        b"",
    ],
)
def test_lines_that_are_cut_or_forged_do_no_harm(scene: Scene, text: bytes) -> None:
    told(scene, text)


def test_a_record_that_is_none_is_read_as_text(scene: Scene) -> None:
    scene.encoder.kmsg(scene.now_ms, [b"Out of memory: Killed process 7 (app) total-vm:9kB, anon-rss:5kB", b"", b";;;"])
    (event,) = oom_events(scene.flush().load())
    assert event.victim_pid == 7


def test_kills_are_counted_by_the_kernels_own_counter(scene: Scene) -> None:
    scene.oom_kills = 4
    scene.record(3)
    scene.oom_kills = 6
    scene.record(3)
    assert kills_counted(scene.flush().load()) == 2


def test_a_kernel_without_the_counter_leaves_the_count_unknown(scene: Scene) -> None:
    scene.oom_kills = None
    scene.record(3)
    assert kills_counted(scene.flush().load()) is None
