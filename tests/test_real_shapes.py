"""Recordings of real programs: no leak claimed where there is none, and all others found.

What is true of each program was written down by who wrote or started it: recordings/real/truth.toml.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from benchmarks.accuracy import Case
from benchmarks.real import labels, shapes
from lastgasp.analysis.facts import gather
from lastgasp.analysis.workload.counters import Work


@cache
def told() -> list[tuple[Case, shapes.Told]]:
    return shapes.cases()


@cache
def asked() -> list[shapes.Asked]:
    truths = labels.read(shapes.REAL / "truth.toml")
    return [one for name, recording in shapes.recordings() for one in shapes.asked_often(recording, name, truths)]


class TestShapes:
    def test_no_leak_is_claimed_of_a_program_that_does_not_leak(self, record_property: Any) -> None:
        sound = [(case, one) for case, one in told() if not case.leaks]
        record_property("counted: real programs that do not leak", len(sound))
        assert len(sound) > 30
        assert not [case.name for case, _ in sound if case.claimed], shapes.render(told())

    def test_every_leak_is_found(self, record_property: Any) -> None:
        leaks = [(case, one) for case, one in told() if case.leaks]
        record_property("counted: real programs that leak", len(leaks))
        assert len(leaks) > 12
        assert not [case.name for case, _ in leaks if not case.claimed], shapes.render(told())

    def test_what_each_is_called_fits_what_it_does_and_the_mapping_that_leaks_is_named(self) -> None:
        wrong = {case.name: (one.shape, one.place) for case, one in told() if not one.named_right}
        # Suspected, but not claimed: its keys expire, and what is free between them is still creeping.
        assert wrong.keys() <= {"sound: redis-expire"}, wrong

    def test_whenever_one_asks_every_leak_is_found_and_no_other_claimed(self, record_property: Any) -> None:
        sound = [one for one in asked() if one.truth.leaks != labels.MEMORY]
        wrong = [one for one in sound if not one.right]
        record_property("counted: times that a sound program was judged", len(sound))
        record_property("counted: of these, a leak was claimed", len(wrong))
        assert len(sound) > 500
        assert not wrong, shapes.render_often(asked())
        assert all(one.right for one in asked() if one.truth.leaks == labels.MEMORY), shapes.render_often(asked())

    def test_of_a_recording_where_nobody_leaks_the_report_says_so(self) -> None:
        recording = dict(shapes.recordings())["sound"]
        facts = gather(recording)
        assert (facts.leaks, facts.ooms) == ([], [])

    def test_a_leak_that_requests_drive_is_told_per_packet(self) -> None:
        """A request leaks 994 bytes by measurement and is 2 packets on the loopback, or 3 where they come seldom."""
        growth = next(one for one in gather(dict(shapes.recordings())["driven"]).growth if one.name == b"historyd")
        assert growth.worst.leaks
        assert growth.worst.follows is not None
        driver = growth.worst.follows.driver
        assert driver is not None
        assert (driver.work, driver.of) == (Work.PACKETS_IN, b"lo")
        assert 994 / 3 < driver.bytes_per_unit < 994 / 2 * 1.1
        assert driver.r2 > 0.9

    def test_nothing_in_the_recordings_tells_of_the_machine_they_were_made_on(self) -> None:
        for _, recording in shapes.recordings():
            (boot,) = recording.boots
            for process in boot.processes.values():
                words = b" ".join(process.attributes.values())
                assert b"/home" not in words and b"/root" not in words and b"/work" not in words
                assert process.attributes.get("cgroup", b"/lastgasp-").startswith(b"/lastgasp-")
            assert boot.machine()["host"] == b"lastgasp-real"
