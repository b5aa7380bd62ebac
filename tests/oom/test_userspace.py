"""Kills by others than the kernel, in the words of these programs."""

from __future__ import annotations

import pytest

from lastgasp.oom.parser import parse
from lastgasp.oom.report import Killer, Report, Victim


def the(*lines: bytes) -> Report:
    (report,) = parse(lines)
    assert report.complete and report.recognised == report.lines
    return report


def test_earlyoom_tells_why_before_it_kills() -> None:
    report = the(
        b"Mar  3 10:00:01 host earlyoom[5]: mem avail:   119 of   842 MiB (14.19%), swap free:    0 of    0 MiB",
        b"Mar  3 10:00:01 host earlyoom[5]: low memory! at or below SIGTERM limits: mem 15.00%, swap 100.00%",
        b'Mar  3 10:00:01 h earlyoom[5]: sending SIGTERM to process 3 uid 7 "a": badness 1": badness 800, VmRSS 55 MiB',
        b"Mar  3 10:00:02 host earlyoom[5]: process exited after 0.1 seconds",
    )
    assert report.killer == Killer.EARLYOOM and report.place.first_line == 3
    assert (
        report.reason and report.reason.startswith(b"mem avail:   119 of") and report.reason.endswith(b"swap 100.00%")
    )
    assert report.victims == [Victim(3, b'a": badness 1', uid=7, rss_kb=55 * 1024, score=800, how=b"sending SIGTERM")]


@pytest.mark.parametrize(
    ("words", "victim"),
    [
        (
            b'sending SIGKILL to process 9 uid 0 "b": oom_score 712, oom_score_adj -5, VmRSS 4514 MiB, cmdline "b -x"',
            Victim(9, b"b", uid=0, oom_score_adj=-5, rss_kb=4514 * 1024, score=712, how=b"sending SIGKILL"),
        ),
        (
            b"Killing process: b c, pid: 9, badness: 800, VmRSS: 55 MiB",
            Victim(9, b"b c", rss_kb=55 * 1024, score=800),
        ),
    ],
)
def test_earlyooms_other_words(words: bytes, victim: Victim) -> None:
    for line in (words, b"[   12.345678] earlyoom[77]: " + words):
        report = the(line)
        assert report.killer == Killer.EARLYOOM and report.victims == [victim]
        assert report.reason and words.startswith(report.reason)


@pytest.mark.parametrize(
    ("words", "group", "reason"),
    [
        (
            b"Killed /system.slice/foo.service due to memory pressure for /system.slice being 67.20% > 50.00% for > 20s"
            b" with reclaim activity",
            b"/system.slice/foo.service",
            b"memory pressure for /system.slice being 67.20% > 50.00% for > 20s with reclaim activity",
        ),
        (
            b"Marked /a b.scope for killing due to memory used (9) / total (10) and swap used (9) / total (9) being"
            b" more than 90.00%",
            b"/a b.scope",
            b"memory used (9) / total (10) and swap used (9) / total (9) being more than 90.00%",
        ),
    ],
)
def test_systemd_oomd_kills_groups(words: bytes, group: bytes, reason: bytes) -> None:
    report = the(b"2025-03-03T10:00:01+0100 host systemd-oomd[709]: " + words)
    assert (report.killer, report.group_kill, report.reason) == (Killer.SYSTEMD_OOMD, group, reason)
    assert report.victims == []


def test_oomd_writes_to_the_kernels_log() -> None:
    report = the(
        b"4,1,5000000,-;oomd kill: 81.28 80.05 42.78 workload.slice/w 1000 ruleset:[r] detectorgroup:[d] killer:k v2"
    )
    assert report.killer == Killer.OOMD and report.group_kill == b"workload.slice/w"
    assert report.reason == b"ruleset:[r] detectorgroup:[d] killer:k v2" and report.place.uptime_us == 5_000_000


def test_nohang_names_its_victim_some_lines_before() -> None:
    report = the(
        b"Process with highest badness (found in 3ms):",
        b"  PID: 4411, Name: tail, badness: 873",
        b"Victim status (found in 0ms):",
        b"  PID:       4411, name: tail, state: R, EUID: 1000, SID: 1 (x), lifetime: 3s",
        b"Implementing a corrective action:",
        b"  Sending SIGKILL to the victim",
    )
    assert report.killer == Killer.NOHANG and report.victims[0].pid == 4411 and report.victims[0].name == b"tail"


def test_lmkd_and_its_driver() -> None:
    now = the(
        b"03-03 10:00:01.123   612   612 I lowmemorykiller: Kill 'com.foo' (1234), uid 10001, oom_score_adj 900 to free"
        b" 12345kB rss, 678kB swap; reason: low watermark is breached and swap is low"
    )
    assert now.killer == Killer.LMKD and now.reason == b"low watermark is breached and swap is low"
    assert now.victims == [Victim(1234, b"com.foo", uid=10001, oom_score_adj=900, rss_kb=12345, how=b"Kill")]
    before = the(
        b"[  100.000001] lowmemorykiller: Killing 'com.foo' (1234) (tgid 1233), adj 900,",
        b"[  100.000001]    to free 12345kB on behalf of 'kswapd0' (45) because",
        b"[  100.000001]    cache 1234kB is below limit 2345kB for oom_score_adj 529",
        b"[  100.000001]    Free memory is 0kB above reserved",
        b"[  100.000002] something else",
    )
    assert before.killer == Killer.LMKD and (before.place.first_line, before.place.last_line) == (1, 4)
    assert before.victims == [Victim(1234, b"com.foo", tgid=1233, oom_score_adj=900, rss_kb=12345, how=b"Kill")]


def test_others_who_say_the_same_are_not_believed() -> None:
    lines = [
        b'Mar  3 10:00:01 host logger[5]: sending SIGTERM to process 123 uid 0 "foo": badness 800, VmRSS 55 MiB',
        b"Mar  3 10:00:01 host web[5]: Killed /system.slice/foo.service due to memory pressure for / being 1%",
        b"Mar  3 10:00:01 host web[5]: Kill 'a' (1), uid 1, oom_adj 900 to free 1kB",
        b"systemd-oomd[1]: Considered 21 cgroups for killing, top candidates were:",
    ]
    assert list(parse(lines)) == []
