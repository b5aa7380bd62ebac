"""The kernel log: OOM reports are kept whole, real ones record by record, and storms of them are bounded."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from taped import Taped

from lastgasp.proc import kmsg
from lastgasp.recorder.kernel_log import FULL_REPORTS, OTHER_LINES, REPORT_LIMIT, KernelLog

LOGS = Path(__file__).parents[1] / "oomlogs"


def records(name: str) -> list[bytes]:
    """Records as /dev/kmsg gives them: a line, and the lines of its dictionary."""
    found: list[bytes] = []
    for line in (LOGS / f"{name}.kmsg").read_bytes().splitlines(keepends=True):
        if line.startswith(b" ") and found:
            found[-1] += line
        else:
            found.append(line)
    return found


class Kernel:
    """A /dev/kmsg: one record a read, EAGAIN when there is none."""

    def __init__(self, taped: Taped, level: int = -1) -> None:
        self.taped = taped
        self._said, heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._said.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        heard.setblocking(False)
        self.log = KernelLog(taped.encoder, level, b"/nothing")
        self.log.fd = heard.detach()

    def says(self, *spoken: bytes) -> bool:
        """The kernel says this; was there an OOM report among it?"""
        reported = False
        for start in range(0, len(spoken), 100):
            for record in spoken[start : start + 100]:
                self._said.send(record)
            reported = self.log.read(1000) or reported
        return reported

    def kept(self) -> list[bytes]:
        return [message.record for message in self.taped.boot().messages]

    def close(self) -> None:
        self._said.close()
        os.close(self.log.fd)


@pytest.fixture
def kernel(taped: Taped) -> Iterator[Kernel]:
    made = Kernel(taped)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["armhf-global-c", "armhf-memcg", "x86-memcg1-plain", "armhf-nodump"])
def test_a_real_report_is_kept_from_its_first_to_its_last_line(kernel: Kernel, name: str) -> None:
    spoken = records(name)
    assert kernel.says(*spoken)
    kept = kernel.kept()
    begins = next(i for i, record in enumerate(spoken) if b"invoked oom-killer" in record)
    ends = max(i for i, record in enumerate(spoken) if b"Killed process" in record)
    whole = [record.partition(b"\n")[0] for record in spoken[begins : ends + 1]]
    at = kept.index(whole[0])
    assert kept[at : at + len(whole)] == whole


def test_nothing_is_kept_of_an_ordinary_boot(kernel: Kernel) -> None:
    spoken = records("armhf-global-c")
    begins = next(i for i, record in enumerate(spoken) if b"invoked oom-killer" in record)
    assert not kernel.says(*spoken[:begins])
    assert not kernel.log.reports
    assert not kernel.taped.encoder.payload


def test_what_the_kernel_says_in_between_belongs_to_the_report_and_what_comes_later_does_not(kernel: Kernel) -> None:
    assert kernel.says(
        b"4,10,1000000,-;app invoked oom-killer: gfp_mask=0xcc0, order=0\n",
        b"6,11,1000100,-;usb 1-1: new device\n",
        b"6,12,2999999,-;oom_reaper: reaped process 9 (app)\n",
        b"6,13,3100000,-;usb 1-1: gone\n",
    )
    assert [record[:4] for record in kernel.kept()] == [b"4,10", b"6,11", b"6,12"]


def test_a_kill_line_without_a_report_is_one(kernel: Kernel) -> None:
    assert kernel.says(b"3,5,1000,-;Memory cgroup out of memory: Killed process 7 (x) total-vm:1kB, anon-rss:1kB\n")
    assert kernel.log.reports == 1


def test_a_storm_of_reports_keeps_the_first_whole_and_of_the_others_who_and_why(kernel: Kernel) -> None:
    count = FULL_REPORTS + 10
    for n in range(count):
        at = n * 10_000_000
        kernel.says(
            b"4,%d,%d,-;app invoked oom-killer: gfp_mask=0\n" % (n * 3, at),
            b"6,%d,%d,-;Mem-Info: much text\n" % (n * 3 + 1, at),
            b"3,%d,%d,-;Out of memory: Killed process %d (app)\n" % (n * 3 + 2, at, n),
        )
    texts = [record.partition(b";")[2] for record in kernel.kept()]
    assert sum(text.startswith(b"Mem-Info") for text in texts) == FULL_REPORTS
    assert sum(b"Killed process" in text for text in texts) == count
    assert kernel.log.reports == count


def test_grave_messages_are_kept_up_to_the_level_asked_for_and_not_too_many(taped: Taped) -> None:
    kernel = Kernel(taped, level=3)
    kernel.says(*[b"%d,%d,%d,-;message\n" % (n % 8, n, n) for n in range(1000)])
    kept = kernel.kept()
    kernel.close()
    assert len(kept) == OTHER_LINES
    assert all(int(record[:1]) <= 3 for record in kept)


def test_facilities_other_than_the_kernels_count_by_their_level(taped: Taped) -> None:
    kernel = Kernel(taped, level=3)
    kernel.says(b"30,1,1,-;daemon info\n", b"27,2,2,-;daemon error\n")
    kept = kernel.kept()
    kernel.close()
    assert [record.partition(b";")[2] for record in kept] == [b"daemon error"]


def test_records_from_before_the_time_of_interest_are_passed_over(kernel: Kernel) -> None:
    kernel.log.since_us = 5_000_000
    assert not kernel.says(b"4,1,4999999,-;app invoked oom-killer: gfp_mask=0\n")
    assert kernel.says(b"4,2,5000000,-;app invoked oom-killer: gfp_mask=0\n")


def test_records_that_are_none_are_passed_over(kernel: Kernel) -> None:
    assert not kernel.says(b"nonsense invoked oom-killer: ", b";", b"a,b,c,-;Out of memory", b"\xff" * 4000)


def test_records_lost_to_the_kernels_own_ring_are_counted(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes | OSError] = [BrokenPipeError(32, "x"), b"6,1,1,-;hello\n", BlockingIOError(11, "x")]

    def read(_: int, __: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr("posix.read", read)
    assert not kernel.log.read(0)
    monkeypatch.undo()
    assert kernel.log.missed == 1


def test_an_absent_log_says_why(taped: Taped) -> None:
    log = KernelLog(taped.encoder, 3, b"/nothing/kmsg")
    assert (log.fd, log.errno) == (-1, 2)
    assert not log.read(0)


def test_the_marks_of_a_report_are_those_of_the_kernel() -> None:
    assert kmsg.begins_oom(b"leaker invoked oom-killer: gfp_mask=0x140cca")
    assert not kmsg.begins_oom(b"oom_reaper: reaped process 5")


def test_what_the_kernel_says_after_the_start_is_new_whatever_its_clock(kernel: Kernel) -> None:
    """That clock stops in suspend, the clock that the ring goes by does not: they may be hours apart."""
    kernel.log.since_us = 36_000_000_000
    assert not kernel.says(b"4,1,600000000,-;app invoked oom-killer: gfp_mask=0\n")
    assert kernel.says(b"4,2,600000001,-;app invoked oom-killer: gfp_mask=0\n")


def test_a_driver_that_shouts_during_a_report_does_not_fill_the_ring(kernel: Kernel) -> None:
    kernel.says(b"4,1,1000000,-;app invoked oom-killer: gfp_mask=0\n")
    shout = b"wlan0: firmware " + b"x" * 900
    kernel.says(*[b"3,%d,1500000,-;%s\n" % (number, shout) for number in range(2, 600)])
    kernel.says(b"3,600,1600000,-;Out of memory: Killed process 7 (app)\n")
    assert kernel.log._size > 2 * REPORT_LIMIT
    kept = kernel.kept()
    assert 0.9 * REPORT_LIMIT <= sum(len(record) for record in kept) <= 1.05 * REPORT_LIMIT
    assert kept[-1].startswith(b"3,600,")
