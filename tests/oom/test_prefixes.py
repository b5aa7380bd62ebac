"""What stands before the kernel's text changes nothing in a report but the times."""

from __future__ import annotations

import os
from functools import cache

import pytest

from lastgasp.oom.log import LONGEST, Line, Log, split
from lastgasp.oom.parser import parse
from lastgasp.oom.report import Report
from oom.logs import KERNEL_LOGS, LOGS
from oom.prefixes import FORMS, Lines, raw_lines

TEXTS = [name for name in KERNEL_LOGS if name.endswith(".txt")]


def content(report: Report) -> dict[str, object]:
    return {slot: getattr(report, slot) for slot in Report.__dataclass_fields__ if slot != "place"}


def lines(name: str) -> Lines:
    return raw_lines((LOGS / name).read_bytes())


@cache
def expected(name: str) -> list[dict[str, object]]:
    return [content(report) for report in parse(FORMS["dmesg"](lines(name)))]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_log_gives_the_same_reports(form: str) -> None:
    for name in TEXTS if os.environ.get("LASTGASP_LONG") else TEXTS[sorted(FORMS).index(form) % 4 :: 4]:
        assert [content(report) for report in parse(FORMS[form](lines(name)))] == expected(name), name
        assert all(report["unknown"] == [] for report in expected(name))


@pytest.mark.parametrize("form", [form for form in FORMS if "callers" in form or form in ("Samsung", "MediaTek")])
def test_a_caller_is_told(form: str) -> None:
    (first, *_) = FORMS[form]([(5_000_001, b"x invoked oom-killer: gfp_mask=0xd0, order=0")])
    assert split(first).caller == b"T93"


def test_times_are_taken_from_where_they_stand() -> None:
    assert split(b"[   12.345678] a") == Line(b"a", 12_345_678, prefixed=True)
    assert split(b"<6>[12.3] a") == Line(b"a", 12_300_000, level=6, prefixed=True)
    assert split(b"Mar  3 10:00:01 host kernel: [   12.345678] a") == Line(
        b"a", 12_345_678, b"Mar  3 10:00:01", program=b"kernel", prefixed=True, host=b"host"
    )
    assert split(b"Mon Mar  3 10:00:01 2025 kern.warn kernel: [   12.345678] a") == Line(
        b"a", 12_345_678, b"Mon Mar  3 10:00:01 2025", level=4, program=b"kernel", prefixed=True
    )
    assert split(b"6,1234,5678,-,caller=C3;a\\x0ab\\x5c") == Line(b"a\nb\\", 5678, caller=b"C3", level=6, prefixed=True)
    assert split(b"# ls[   12.345678][    T1] a").caller == b"T1"
    assert split(b"kern  :warn  : [   12.345678] a").level == 4


def test_others_than_the_kernel_are_told_apart() -> None:
    sshd = split(b"Mar  3 10:00:01 host sshd[123]: Killed process 1 (x) total-vm:1kB, anon-rss:1kB, file-rss:0kB")
    assert not sshd.kernel and sshd.program == b"sshd"
    assert not split(b"12,1,1,-;systemd[1]: Started a thing").kernel
    assert not split(b" SUBSYSTEM=usb").kernel
    assert not split(b"Oops#2 Part3").kernel
    assert not split(b"====1234.567890-C").kernel
    assert not split(b"03-03 10:00:01.123  1234  1234 I lowmemorykiller: Kill 'a' (1)").kernel
    assert list(parse([b"Mar  3 10:00:01 host sshd[1]: x invoked oom-killer: gfp_mask=0xd0, order=0"])) == []


def test_further_lines_of_a_record_get_its_time() -> None:
    log = Log()
    log.read(b"[    5.434082] active_anon:682 inactive_anon:23884\n")
    assert log.read(b"                active_file:0\n") == Line(b" active_file:0", 5_434_082, prefixed=True)
    assert log.read(b"                SUBSYSTEM=usb").uptime_us == 5_434_082


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"[", b"[ ]", b"<", b"<9999>", b"[99999999999.1] ", b"1,2,3", b"\\x", b"\xff" * 99, b"[" * 9**4],
)
def test_no_line_is_too_odd(text: bytes) -> None:
    assert len(split(text).text) <= LONGEST
    assert len(Log().read(text).text) <= LONGEST
