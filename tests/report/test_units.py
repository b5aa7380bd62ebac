"""Numbers and lists for people."""

from __future__ import annotations

import pytest

from lastgasp.analysis.times import Moment, Span
from lastgasp.report import units

SECOND = 10**9
NOON = 1_795_435_200 * SECOND  # 2026-11-23 12:00:00


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (512, "512 B"),
        (1023, "1023 B"),
        (1024, "1.0 kB"),
        (100 * 1024, "100 kB"),
        (1024 * 1024 - 1, "1.0 MB"),
        (64 << 20, "64.0 MB"),
        (1536 << 20, "1.5 GB"),
        (-3 << 20, "-3.0 MB"),
        (1 << 70, "1024 EB"),
    ],
)
def test_sizes(value: int | None, shown: str) -> None:
    assert units.size(value) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (1500, "1.5 s"),
        (9_960, "10 s"),
        (59_600, "1 min"),
        (250_000, "4 min 10 s"),
        (7_500_000, "2 h 5 min"),
        (86_400_000, "1 d"),
        (100_000_000, "1 d 3 h"),
        (1_800_000_000_000, "57.0 years"),
    ],
)
def test_durations(ms: float, shown: str) -> None:
    assert units.duration(ms) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "unknown"), (0, "0 %"), (0.004, "0.4 %"), (0.5, "50 %"), (1, "100 %")]
)
def test_percent(share: float | None, shown: str) -> None:
    assert units.percent(share) == shown


@pytest.mark.parametrize(
    ("recorded_s", "shown"), [(60, "60.0 MB/min"), (7200, "3.5 GB/h"), (10 * 86400, "84.4 GB/day")]
)
def test_a_rate_is_told_in_a_time_that_fits_the_recording(recorded_s: int, shown: str) -> None:
    assert units.rate(1 << 20, recorded_s * 1000) == shown


def test_a_moment_is_told_by_the_clock_if_it_was_ever_set() -> None:
    assert units.stamp(Moment(1, 5_000, NOON)) == "2026-11-23 12:00:00"
    assert units.stamp(Moment(1, 93_784_000, None)) == "uptime 1 d 2:03:04"


def test_the_date_is_left_out_where_everything_happened_on_one_day() -> None:
    first, last, tomorrow = (
        Moment(1, 0, NOON),
        Moment(1, 9_000, NOON + 9 * SECOND),
        Moment(1, 0, NOON + 86_400 * SECOND),
    )
    assert units.near(last, Span(first, last, 9_000, 9, 1_000)) == "12:00:09"
    assert units.near(last, Span(first, tomorrow, 9_000, 9, 1_000)) == "2026-11-23 12:00:09"


def test_the_date_is_not_left_out_where_the_recording_began_at_an_unknown_one() -> None:
    first, last = Moment(1, 0, None), Moment(2, 9_000, NOON)
    assert units.near(last, Span(first, last, 9_000, 9, 1_000)) == "2026-11-23 12:00:00"


def test_an_uptime_tells_of_which_boot_where_there_are_several() -> None:
    first, last = Moment(1, 0, None), Moment(2, 9_000, None)
    assert units.near(last, Span(first, last, 9_000, 9, 1_000)) == "uptime 0:00:09 of boot 2"
    assert units.near(first, Span(first, first, 9_000, 9, 1_000)) == "uptime 0:00:00"


def test_a_clock_beyond_every_calendar_is_told_all_the_same() -> None:
    assert units.utc((1 << 62) * SECOND).endswith("s after 1970")


@pytest.mark.parametrize(("number", "shown"), [(0, "0 samples"), (1, "1 sample"), (12_000, "12,000 samples")])
def test_counts(number: int, shown: str) -> None:
    assert units.count(number, "sample") == shown


@pytest.mark.parametrize(
    ("parts", "more", "shown"),
    [
        (["a"], 0, "a"),
        (["a"], -2, "a"),
        (["a", "b"], 0, "a and b"),
        (["a", "b", "c"], 0, "a, b and c"),
        (["a"], 1, "a and 1 more"),
        (["a", "b"], 12, "a, b and 12 more"),
    ],
)
def test_lists(parts: list[str], more: int, shown: str) -> None:
    assert units.listed(parts, more) == shown
