"""What several reports of one text log show together: growth between tables, loops, innocents, refusals, boots."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lastgasp.analysis.oom.series import Series, series
from lastgasp.analysis.shape.trend import Confidence
from lastgasp.cli.oom_source import read

LOGS = Path(__file__).parents[1] / "oomlogs"
STAMP = re.compile(rb"^\[ *([\d.]+)\]", re.M)


def of(path: Path) -> Series:
    return series(read(str(path)).found)


def later(log: bytes, seconds: float) -> bytes:
    """The same log, all of it so much later."""
    return STAMP.sub(lambda match: b"[%12.6f]" % (float(match[1]) + seconds), log)


def test_one_that_is_larger_in_every_table_grows() -> None:
    found = of(LOGS / "armhf-adj-leaker-900.txt")
    (leaker,) = (one for one in found.growth if one.name == b"leaker")
    assert [point.kb for point in leaker.points] == [51896, 54804, 67224, 72772, 80964, 80964, 80964]
    assert leaker.grown_kb == 80964 - 51896
    assert leaker.over_us == 13_745_469 - 12_164_616
    assert leaker.confidence is Confidence.LOW  # within two seconds: it may be a program that starts


def test_growth_over_a_longer_time_is_more_than_a_suspicion(tmp_path: Path) -> None:
    """The same tables minutes apart."""
    text = (LOGS / "armhf-adj-leaker-900.txt").read_bytes()
    spread = STAMP.sub(lambda match: b"[%12.6f]" % ((float(match[1]) - 12) * 600), text)
    path = tmp_path / "log"
    path.write_bytes(spread)
    leaker = of(path).growth[0]
    assert leaker.name == b"leaker"
    assert leaker.confidence is Confidence.MEDIUM
    assert leaker.per_s == pytest.approx(29068 * 1024 / (1.580853 * 600), rel=1e-3)


def test_innocents_that_died_are_summed_up_and_who_is_left_is_told() -> None:
    (shielded,) = of(LOGS / "armhf-adj-leaker-900.txt").shielded
    assert shielded.name == b"leaker"
    assert shielded.events == (1, 2, 3, 4, 5, 6)
    assert shielded.victims == (b"plus200", b"hogA", b"python3", b"hogB", b"sh", b"sleep")
    assert shielded.freed_kb == 33460
    assert shielded.left == (b"minus300",)


def loop(tmp_path: Path, times: int, apart_s: float) -> Path:
    text = (LOGS / "armhf-global-c.txt").read_bytes()
    path = tmp_path / "log"
    logs = [later(text.replace(b"95", b"%d" % (700 + number)), number * apart_s) for number in range(times)]
    path.write_bytes(b"".join(logs))
    return path


def test_a_name_that_dies_again_and_again_is_a_loop(tmp_path: Path) -> None:
    (found,) = of(loop(tmp_path, 4, 600)).loops
    assert (found.name, found.pids, found.events) == (b"leaker", (700, 701, 702, 703), (1, 2, 3, 4))
    assert len(found.sizes_kb) == 4
    assert found.between_us == pytest.approx((600_000_000,) * 3, abs=2)
    assert found.least_per_s == pytest.approx(min(found.sizes_kb) * 1024 / 600, rel=1e-3)


def test_twice_is_no_loop(tmp_path: Path) -> None:
    assert not of(loop(tmp_path, 2, 600)).loops


def test_siblings_that_were_all_there_are_no_loop(tmp_path: Path) -> None:
    """Three of a server's processes, all in the first table, die one after another."""
    path = tmp_path / "log"
    log = (LOGS / "armhf-adj-leaker-900.txt").read_bytes()
    path.write_bytes(re.sub(rb"plus200|hogA|hogB", b"httpd", log))
    events = read(str(path)).found
    assert [event.choice.victim.name for event in events if event.choice.victim].count(b"httpd") == 3
    assert not series(events).loops


def test_the_same_name_in_three_groups_is_no_loop(tmp_path: Path) -> None:
    log = (LOGS / "armhf-memcg.txt").read_bytes()
    path = tmp_path / "log"
    for groups, loops in (((b"/a", b"/b", b"/c"), 0), ((b"/a", b"/a", b"/a"), 1)):
        text = b""
        for number, group in enumerate(groups):
            one = re.sub(rb"\b96\b", b"%d" % (960 + number), log.replace(b"/app", group))
            text += later(one, 60 * number)
        path.write_bytes(text)
        assert len(of(path).loops) == loops, groups


def test_refusals_are_summed_up_by_process() -> None:
    found = of(LOGS / "armhf-overcommit2.txt").refusals
    assert [(one.name, one.pid, len(one.events)) for one in found] == [(b"leaker", 90, 3), (b"python3", 92, 2)]


def test_tables_of_two_boots_are_not_one_curve(tmp_path: Path) -> None:
    """The second boot has the same pids, and the clock begins anew."""
    text = (LOGS / "armhf-adj.txt").read_bytes()
    path = tmp_path / "log"
    path.write_bytes(later(text, 5000) + text)
    found = of(path)
    assert found.boots == 2
    assert all({point.event for point in one.points} in ({1, 2}, {3, 4}) for one in found.growth)


def test_one_report_has_nothing_to_say_here() -> None:
    found = of(LOGS / "armhf-global-c.txt")
    assert (found.growth, found.loops, found.shielded, found.refusals) == ((), (), (), ())
