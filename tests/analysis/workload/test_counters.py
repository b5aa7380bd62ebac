"""Counters of work: they only rise, whatever the kernel's do; marks stand for time."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.analysis.workload.counters import Work, counters, inside, mark_spans, process_counters, rises
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Event
from scene import Scene

RECORDINGS = Path(__file__).parents[2] / "recordings"


def the(boot: Boot, work: Work, of: bytes | None = None) -> list[float]:
    (found,) = [counter for counter in counters(boot) if counter.work is work and counter.of == of]
    assert len(found.times) == len(found.total)
    return list(found.total)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring", slots=64).boot()


def with_traffic(scene: Scene, *packets: int) -> Boot:
    for received in packets:
        scene.interfaces[b"eth0"] = (received * 100, received, 0, 0, 0)
        scene.record(1)
    return scene.flush().load().boots[0]


def test_an_interface_counts_from_its_first_value(scene: Scene) -> None:
    boot = with_traffic(scene, 50, 60, 60, 75)
    assert the(boot, Work.PACKETS_IN, b"eth0") == [0, 10, 25]
    assert the(boot, Work.BYTES_IN, b"eth0") == [0, 1_000, 2_500]


def test_what_never_moves_is_no_counter(scene: Scene) -> None:
    boot = with_traffic(scene, 50, 60)
    assert Work.PACKETS_OUT not in [counter.work for counter in counters(boot)]


def test_an_interface_that_is_made_anew_goes_on_counting(scene: Scene) -> None:
    assert the(with_traffic(scene, 500, 600, 7, 17), Work.PACKETS_IN, b"eth0") == [0, 100, 107, 117]


def test_a_counter_of_32_bits_may_wrap_round() -> None:
    near = (1 << 32) - 500
    assert rises([0, 1000, 2000, 3000], [near - 1000, near, 500, 1500]) == [1000, 1000, 1000]


def test_a_reset_of_a_large_counter_is_no_wrap() -> None:
    assert rises([0, 1000, 2000], [3_000_000_000, 3_000_001_000, 20]) == [1000, 20]


def test_a_total_holds_until_the_next(scene: Scene) -> None:
    boot = with_traffic(scene, 50, 60, 75)
    (counter,) = [counter for counter in counters(boot) if counter.work is Work.PACKETS_IN]
    first = counter.times[0]
    assert [counter.at(first + ms) for ms in (-1, 0, 999, 1000, 5000)] == [0, 0, 0, 10, 25]
    assert counter.name == "received packet on eth0"


def test_a_process_has_its_own_cpu_time(scene: Scene) -> None:
    program = scene.run(200, b"busyd", 1000)
    for _ in range(4):
        program.cpu_ticks += 50
        scene.record(1)
    (cpu,) = process_counters(scene.flush().load().boots[0], program.key)
    assert (cpu.work, list(cpu.total)) == (Work.OWN_CPU, [0, 0.5, 1.0, 1.5])


def test_real_recordings_have_counters_that_never_fall() -> None:
    for path in sorted(RECORDINGS.glob("*.ring.gz")):
        (recording,) = load(str(path))
        boot = recording.boots[0]
        found = counters(boot)
        assert {Work.SWITCHES, Work.STARTS, Work.CPU} <= {counter.work for counter in found}
        for counter in found:
            assert list(counter.total) == sorted(counter.total)
            assert list(counter.times) == sorted(counter.times)


# -- marks -------------------------------------------------------------------------------------------------


def marked(scene: Scene, *marks: str | None) -> list[tuple[bytes, int, int]]:
    """Spans in seconds since the first mark; ten seconds pass after each mark."""
    first = scene.now_ms
    for text in marks:
        if text is not None:
            scene.event("mark", text=text)
        scene.record(10)
    spans = mark_spans(scene.flush().load().boots[0])
    return [(span.text, (span.from_ms - first) // 1000, (span.to_ms - first) // 1000) for span in spans]


def test_a_mark_lasts_until_the_next(scene: Scene) -> None:
    assert marked(scene, "idle", "test 7", "test 8") == [(b"idle", 0, 10), (b"test 7", 10, 20), (b"test 8", 20, 29)]


def test_what_begins_lasts_until_it_ends(scene: Scene) -> None:
    spans = marked(scene, "test 7 begins", "by the way", "Test 8 begins", "test 7 ends", None)
    assert (b"test 7", 0, 30) in spans
    assert (b"by the way", 10, 20) in spans
    assert (b"Test 8 begins", 20, 30) in spans


def test_a_test_that_is_run_twice_has_two_spans(scene: Scene) -> None:
    spans = marked(scene, "test 7 begins", "test 7 ends", "test 7 begins", "test 7 ends")
    assert spans == [(b"test 7", 0, 10), (b"test 7", 20, 30)]


def test_an_end_without_a_beginning_is_a_mark_like_others(scene: Scene) -> None:
    assert marked(scene, "test 7 ends", "idle") == [(b"test 7 ends", 0, 10), (b"idle", 10, 19)]


def test_time_in_spans_that_overlap_counts_once(scene: Scene) -> None:
    marked(scene, "a begins", "b begins", "a ends", "b ends", None)
    spans = mark_spans(scene.load().boots[0])
    first = spans[0].from_ms
    assert inside(spans[:2], first, first + 60_000) == 30_000
    assert inside(spans, first + 5_000, first + 8_000) == 3_000


def test_ten_thousand_marks_are_no_trouble(scene: Scene) -> None:
    boot = Boot(b"1" * 16)
    boot.last_ms = 20_000
    boot.events = [Event(n, "mark", {"text": b"t%d begins" % n}) for n in range(10_000)]
    assert len(mark_spans(boot)) == 10_000
