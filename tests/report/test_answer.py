"""The answer: the first sentence says who leaks, the others who was killed; nothing is claimed that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.report.answer import answer
from lastgasp.report.limits import next_steps
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from scene import Scene

MB = 1 << 20


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def told(scene: Scene) -> list[str]:
    return answer(gather(scene.flush().load()), visible)


def leaker(t: float) -> float:
    return 500 + 50 * t


def test_a_leak_is_told_with_rate_size_place_and_beginning(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.record(60, mappings_every=10)
    assert told(scene) == [
        "leakd (pid 200) probably leaks 2.9 MB/min: it grew by 2.9 MB in 59 s, to 3.4 MB of anonymous memory, 100 % of"
        " it in [heap]; since it started at 14:00:00.",
        "Left as it is, the machine runs out of memory in about 14 min 29 s (13 min 31 s to 15 min 18 s) after the end"
        " of the recording, at 14:15:28.",
        "Nobody was killed for memory.",
    ]


def test_a_leak_that_began_later_tells_when(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 50 * max(0, t - 120))
    scene.record(240)
    assert "; since 14:0" in told(scene)[0]


def test_a_process_older_than_the_recording_leaks_since_before_it(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker).started_ms = 2_000
    scene.record(60)
    assert "; since before the recording began at 14:00:00." in told(scene)[0]


def test_others_that_leak_are_named_too(scene: Scene) -> None:
    for n in range(6):
        scene.run(200 + n, b"leakd%d" % n, lambda t, n=n: 500 + (50 - n) * t)  # type: ignore[misc]
    scene.record(60)
    assert told(scene)[1] == ("Also leaking: leakd1 (pid 201), leakd2 (pid 202), leakd3 (pid 203) and 2 more.")


def test_growth_that_was_seen_too_briefly_is_a_suspicion(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 500 + 100 * t)
    scene.record(11)
    assert told(scene)[0].startswith("Nobody leaks beyond doubt, but leakd (pid 200) may leak 5.3 MB/min")


def test_a_victim_that_does_not_leak_is_told_to_be_innocent(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.run(300, b"bigdb", 9_000)
    scene.record(60)
    scene.oom_kill(300)
    assert told(scene)[-1] == "The OOM killer killed bigdb (pid 300) at 14:01:00; that is not who leaks."


def test_a_victim_that_leaks_as_others_do_is_not_told_to_be_innocent(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.run(201, b"worse", lambda t: 500 + 90 * t)
    scene.record(60)
    scene.oom_kill(200)
    assert told(scene)[-1] == "The OOM killer killed leakd (pid 200) at 14:01:00."


def test_nor_an_earlier_life_of_who_leaks(scene: Scene) -> None:
    """A daemon that is restarted leaks on, and the later life tells more of it."""
    scene.run(200, b"python3", leaker, command_line=b"python3 /opt/sensor.py")
    scene.record(20)
    scene.oom_kill(200)
    scene.run(210, b"python3", leaker, command_line=b"python3 /opt/sensor.py")
    scene.record(60)
    assert (
        told(scene)[-1]
        == "The OOM killer killed python3 (pid 200) at 14:00:20; that was another life of the program that leaks."
    )


def test_nor_one_whose_life_was_too_short_to_judge_or_is_suspected(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.record(50)
    scene.run(300, b"bursty", lambda t: 500 + 900 * t)
    scene.record(8)
    scene.oom_kill(300)
    answer = told(scene)
    assert answer[0] == "Most likely bursty (pid 300) filled the memory (+6.6 MB in 8 s), and was killed."
    assert "that is not who leaks" not in " ".join(answer)


def test_a_group_whose_limit_is_not_recorded_is_named_without_it(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.record(60)
    scene.oom_kill(200, b"/app")
    assert told(scene)[-1] == "The OOM killer killed it at 14:01:00: memory group /app was at its limit."


def test_many_kills_are_added_up(scene: Scene) -> None:
    for pid in (200, 201, 202):
        scene.run(pid, b"leakd", leaker)
        scene.record(30)
        scene.oom_kill(pid)
    scene.run(300, b"bigdb", 900)
    scene.record(5)
    scene.oom_kill(300)
    scene.sample()
    assert told(scene)[-1] == "The OOM killer killed 4 times between 14:00:30 and 14:01:35: leakd (3 times) and bigdb."


def test_kills_whose_messages_are_missing_are_told_by_their_number(scene: Scene) -> None:
    scene.run(200, b"steady", 900)
    scene.record(30)
    scene.oom_kills = 2
    scene.record(30)
    assert told(scene)[-1] == "The kernel counted 2 OOM kills whose messages were not recorded."


def test_a_panic_is_told(scene: Scene) -> None:
    scene.run(200, b"steady", 900)
    scene.record(30)
    scene.kernel_says(b"Kernel panic - not syncing: System is deadlocked on memory")
    assert "The kernel panicked for want of memory: System is deadlocked on memory." in told(scene)


def test_where_kills_are_not_counted_nobody_claims_that_there_was_none(scene: Scene) -> None:
    scene.oom_kills = None
    scene.run(200, b"steady", 900)
    scene.record(30)
    assert told(scene)[-1] == "No OOM kill was seen."


def test_many_small_processes_that_become_more_are_a_leak_of_the_machine(scene: Scene) -> None:
    for n in range(120):
        scene.run(1000 + n, b"worker", 300)
        scene.record(1)
    assert told(scene)[0].startswith("No single process leaks, but all of them together do: anonymous memory +17")


def test_what_fills_the_machine_is_told_where_the_leak_does_not(scene: Scene) -> None:
    scene.run(200, b"slowd", lambda t: 2_000 + 2 * t)
    scene.interval_s = 5
    for n in range(480):
        files_kb = max(n - 420, 0) * 600
        scene.meminfo |= {"Shmem": 500 + files_kb, "Cached": 2_000 + files_kb}
        scene.record(5)
    said = told(scene)
    assert said[0].startswith("slowd (pid 200) leaks 7.0 MB/h")
    (foreseen,) = [one for one in said if one.startswith("Left as it is")]
    assert foreseen.endswith(": it has filled at 430 MB/h since 14:35:35, mostly with shared memory and tmpfs files.")


def test_a_leak_that_fills_the_machine_needs_no_second_rate(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 2_000 + 10 * t)
    scene.interval_s = 5
    scene.record(1_200)
    (foreseen,) = [one for one in told(scene) if one.startswith("Left as it is")]
    assert "filled" not in foreseen


def test_a_machine_that_leaks_besides_a_process_is_told_too(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    for n in range(120):
        scene.meminfo["SUnreclaim"] = 4_000 + 40 * n
        scene.record(1)
    assert told(scene)[1].startswith("Besides, unreclaimable slab +2.3 MB/min")


def test_a_recording_without_a_sample_claims_nothing(scene: Scene) -> None:
    assert told(scene)[0] == "Nothing can be told: the recording has no sample that can be decoded."


def test_a_recording_without_processes_claims_nothing_of_leaks(scene: Scene) -> None:
    scene.record(30)
    assert told(scene)[0] == "Nothing can be told of who leaks: the recording knows no process."


def test_nobody_leaks_is_said_with_what_everybody_did(scene: Scene) -> None:
    scene.run(200, b"steady", 900)
    scene.run(201, b"cached", lambda t: min(60 * t, 2400))
    scene.record(60)
    short = "Nobody was seen to leak in 59 s, which is too short for most leaks: "
    assert told(scene)[0] == f"{short}2 programs, 1 steady and 1 filled up and stopped."
    scene.record(5)
    assert told(scene)[0] == "Nobody leaks: 2 programs, 1 steady and 1 filled up and stopped."


def test_advice_says_that_tuning_only_delays_a_leak(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.record(60, mappings_every=10)
    scene.oom_kill(200)
    scene.sample()
    lines = next_steps(Screen(), gather(scene.flush().load()))
    assert any(line.startswith("No setting cures this: leakd leaks, and has to be mended. Tuning") for line in lines)


def test_advice_does_not_speak_of_a_next_kill_when_none_was_recorded(scene: Scene) -> None:
    """That somebody was killed before is no news of who leaks now."""
    scene.run(200, b"leakd", leaker)
    scene.encoder.kmsg(scene.now_ms, [b"4,1,5000000,-;Out of memory: Killed process 9 (x) total-vm:9kB, anon-rss:8kB"])
    scene.record(60, mappings_every=10)
    assert not any("next kill" in line for line in next_steps(Screen(), gather(scene.flush().load())))


def test_advice_says_why_no_mapping_is_known_to_have_grown(scene: Scene) -> None:
    scene.run(200, b"leakd", leaker)
    scene.record(60)
    assert next_steps(Screen(), gather(scene.flush().load()))[0] == (
        "The mappings of leakd were never read: that takes root, and growth for longer than mapping_interval."
    )
    scene.sample(mappings=True)
    assert next_steps(Screen(), gather(scene.flush().load()))[0] == (
        "The mappings of leakd were read only once: record for longer, or set a shorter mapping_interval."
    )


def test_advice_says_when_no_mapping_stands_out(scene: Scene) -> None:
    program = scene.run(200, b"leakd", leaker)
    for n in range(3):
        scene.record(20)
        scene.encoder.begin(scene.now_ms, 0)
        scene.rows.put(scene.tables["mappings"], program.key, (9, 9, 1, 100 + n))
        for number in range(9):
            row = program.key + b" /lib/lib%d.so" % number
            scene.rows.put(scene.tables["mapping"], row, (*[100 + 90 * n] * 5, 0))
        scene.encoder.end()
    assert next_steps(Screen(), gather(scene.flush().load()))[0] == (
        "No single mapping of leakd stands out: --json shows how much each of them grew."
    )


def test_advice_says_of_memory_without_a_name_no_more_than_is_known(scene: Scene) -> None:
    """A library's zeroed data are shown as [anon] too."""
    scene.run(200, b"leakd", leaker, mapping=b"[anon]")
    scene.record(60, mappings_every=10)
    assert next_steps(Screen(), gather(scene.flush().load()))[0] == (
        "[anon] is memory without a name: what leakd maps itself, what malloc gives to threads or in large pieces, or"
        " zeroed data (.bss) of the program or a library."
    )
