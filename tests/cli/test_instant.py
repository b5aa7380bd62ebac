"""What ``--at TIME`` means, and what is said where it means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.analysis.victim.instants import Instant
from lastgasp.cli.instant import InstantError, find
from lastgasp.timeline.model import Gap, Recording
from scene import Scene


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Two boots: from 14:00:00 (uptime 0:00:10) for a minute, and from 15:00:00 for two, with a kill at 15:01:00."""
    scene = Scene(tmp_path / "ring", interval_s=5).boot()
    scene.run(200, b"daemon", 900)
    scene.record(30)
    scene.event("mark", text="test 7")
    scene.record(30).flush()
    scene.boot(2, wall="2026-11-23 15:00:00")
    scene.run(200, b"daemon", 900)
    scene.run(201, b"other", 900)
    scene.event("mark", text="test 8")
    scene.record(60)
    scene.oom_kill(200)
    scene.record(60)
    scene.event("mark", text="test 8")
    scene.sample()
    return scene.flush().load()


@pytest.mark.parametrize(
    ("text", "boot", "at_ms"),
    [
        ("end", 1, 130_000),
        ("oom", 1, 65_000),
        ("0:01:02", 1, 60_000),  # in both boots: of the last
        ("uptime 0:01:02", 1, 60_000),
        ("uptime:0:01:02", 1, 60_000),
        ("boot 1 0:01:02", 0, 60_000),
        ("boot 1 end", 0, 65_000),
        ("boot 2 oom", 1, 65_000),
        ("0:00:10", 1, 10_000),
        ("0 d 0:00:10", 1, 10_000),
        ("14:00:31", 0, 40_000),
        ("15:00:31", 1, 40_000),
        ("15:00:31.5", 1, 40_000),
        ("2026-11-23 14:00:31", 0, 40_000),
        ("2026-11-23T14:00:31Z", 0, 40_000),
        ("2026-11-23T16:00:31+02:00", 0, 40_000),
        ("mark:test 7", 0, 40_000),
        ('mark:"test 7"', 0, 40_000),
        ("mark:7", 0, 40_000),
    ],
)
def test_a_time_means_the_last_sample_up_to_it(recording: Recording, text: str, boot: int, at_ms: int) -> None:
    assert find(recording, text) == Instant(boot, at_ms)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "wants 1:02:03"),
        ("", "wants 1:02:03"),
        ("9999-99-99", "wants 1:02:03"),
        ("0:09:00", "uptime 0:00:10 to 0:02:10"),
        ("17:00:00", "is not in this recording, which goes from 2026-11-23 14:00:00 to 2026-11-23 14:0"),
        ("2026-11-23 14:30:00", "is not in this recording"),
        ("2031-01-01", "is not in this recording"),
        ("boot 3 end", "this recording has 2 boots"),
        ("boot 0 end", "this recording has 2 boots"),
        ("boot 1 oom", "nobody was killed"),
        ("mark:test 8", "2 marks are 'test 8': give the time of one (2026-11-23 15:00:00, 2026-11-23 15:02:00)"),
        ("mark:test 9", "no mark is 'test 9'; there are: test 7, test 8, test 8"),
    ],
)
def test_what_is_no_instant_is_told_with_the_remedy(recording: Recording, text: str, said: str) -> None:
    with pytest.raises(InstantError) as error:
        find(recording, text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_time_that_is_an_uptime_and_a_time_of_day_is_asked_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot(uptime_s=50_400 - 30, wall="2026-11-23 14:00:00")
    scene.record(60)
    recording = scene.flush().load()
    with pytest.raises(InstantError) as error:
        find(recording, "14:00:20")
    assert str(error.value) == "14:00:20 can be uptime 14:00:20 or 2026-11-23 14:00:20 here: give one of these"
    assert find(recording, "uptime 14:00:20").at_ms == 50_420_000
    assert find(recording, "2026-11-23 14:00:20").at_ms == 50_390_000


def test_a_clock_that_was_never_set_has_uptimes_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot(wall=None)
    scene.record(60)
    recording = scene.flush().load()
    assert find(recording, "0:00:30").at_ms == 30_000
    with pytest.raises(InstantError, match="the clock was never set"):
        find(recording, "2026-11-23 14:00:00")


def test_in_a_gap_there_is_no_sample(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot(wall=None)
    scene.record(60)
    recording = scene.flush().load()
    recording.boots[0].gaps.append(Gap(20_000, 40_000, 2))
    with pytest.raises(InstantError, match="no sample can be read from uptime 0:00:20 to uptime 0:00:40"):
        find(recording, "0:00:30")
    assert find(recording, "0:00:40").at_ms == 40_000


def test_a_recording_without_a_sample_says_so(tmp_path: Path) -> None:
    recording = Scene(tmp_path / "ring").boot().flush().load()
    for text in ("end", "oom", "0:00:10"):
        with pytest.raises(InstantError, match="holds no sample"):
            find(recording, text)


def test_a_recording_that_claims_to_last_for_ages_is_asked_back_at_once(tmp_path: Path) -> None:
    """A damaged one can: there are as many days in it as one likes."""
    scene = Scene(tmp_path / "ring").boot()
    scene.record(60)
    recording = scene.flush().load()
    recording.boots[0].last_ms = 1 << 60
    with pytest.raises(InstantError, match=r"can be .* here: give one of these"):
        find(recording, "14:00:20")
