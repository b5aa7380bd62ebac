"""Journals with fields that are cut, odd or not the kernel's. Their usual forms are in prefixes.py."""

from __future__ import annotations

import json

import pytest

from lastgasp.oom.journal import Journal
from lastgasp.oom.log import Line
from lastgasp.oom.parser import parse

KILL = "Out of memory: Killed process 7 (a b) total-vm:1kB, anon-rss:2kB, file-rss:3kB"


def entries(*lines: bytes) -> list[tuple[int, Line]]:
    reader = Journal()
    found = [entry for number, line in enumerate(lines, 1) for entry in reader.read(line, number)[0]]
    return found + reader.end()


def victims(*lines: bytes) -> list[bytes]:
    return [victim.name for report in parse(lines) for victim in report.victims]


def test_an_entry_tells_when_and_who() -> None:
    entry = {"MESSAGE": KILL, "_TRANSPORT": "kernel", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "kernel"}
    entry |= {"__REALTIME_TIMESTAMP": "1741000000123456", "_SOURCE_MONOTONIC_TIMESTAMP": "5000001"}
    ((number, line),) = entries(json.dumps(entry).encode())
    assert (number, line.uptime_us, line.level, line.program, line.kernel) == (1, 5_000_001, 3, b"kernel", True)
    assert line.wall == b"2025-03-03 11:06:40 UTC" and line.text == KILL.encode()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, True),  # --output-fields=MESSAGE
        ({"_TRANSPORT": "kernel"}, True),
        ({"_TRANSPORT": "stdout"}, False),
        ({"_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "sshd"}, False),  # a program that writes to /dev/kmsg
    ],
)
def test_only_the_kernels_word_counts(fields: dict[str, str], told: bool) -> None:
    assert victims(json.dumps({"MESSAGE": KILL} | fields).encode()) == ([b"a b"] if told else [])


def test_the_message_may_be_numbers_or_several() -> None:
    assert victims(json.dumps({"MESSAGE": list(KILL.replace("a b", "\xff").encode("latin-1"))}).encode()) == [b"\xff"]
    assert victims(json.dumps({"MESSAGE": [KILL, "x"]}).encode()) == [b"a b"]
    assert victims(json.dumps({"MESSAGE": [list(KILL.encode()), [1]]}).encode()) == [b"a b"]


def test_of_an_entry_that_is_cut_the_message_is_taken() -> None:
    assert victims(json.dumps({"MESSAGE": KILL, "_TRANSPORT": "kernel"}).encode()[:-9]) == [b"a b"]
    (report,) = parse([b'{"MESSAGE":"Out of memory: Killed process 7 (a b) total'])
    assert report.victims[0].pid == 7 and report.victims[0].total_vm_kb is None


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"{}",
        b"{" * 100_000,
        b'{"a":' + b"[" * 100_000,
        b'{"MESSAGE":null}',
        b'{"MESSAGE":[]}',
        b'{"MESSAGE":[999]}',
        b'{"MESSAGE":[[]]}',
        b'{"MESSAGE":{"a":1}}',
        b'{"MESSAGE":"\\ud800"}',
        b'{"MESSAGE":"x","__REALTIME_TIMESTAMP":"99999999999999999999"}',
        b'{"MESSAGE":"x","__REALTIME_TIMESTAMP":9223372036854775807}',
        b'{"msg":"x","time":NaN}',
        b'{"msg":"x","time":1e400}',
        b'{"msg":"x","time":' + b"9" * 5000 + b"}",
        b"__CURSOR=",
        b"data: {",
        b"\x1e",
        b"Mon 2025-03-03 10:00:01.123456 CET [s=1;i=2]",
    ],
)
def test_no_entry_is_too_odd(line: bytes) -> None:
    entries(line)
    entries(line + b"\n", line + b"\n")
    after = [line + b"\n", b"[    9.000000] " + KILL.encode() + b"\n"]
    assert victims(*after) == [b"a b"]


def test_a_field_of_bytes_may_hold_newlines_in_its_length_and_its_value() -> None:
    value = KILL.encode().replace(b"a b", b"a\nb" + b"x" * (0x10A - len(KILL)))
    assert len(value) == 0x10A  # 0a 01 00 …
    raw = b"__CURSOR=x\n_TRANSPORT=kernel\nMESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n\n"
    ((number, line),) = entries(*raw.splitlines(keepends=True))
    assert (number, line.text) == (1, value)


def test_what_journalctl_leaves_out_is_not_made_up() -> None:
    head = b"Mon 2025-03-03 10:00:01.123456 CET [s=1;i=2;b=3;m=4;t=5;x=6]\n"
    assert entries(head, b"    MESSAGE=[48B blob data]\n") == []
    ((_, line),) = entries(head, b"    MESSAGE=a\n")
    assert line.wall == b"2025-03-03 10:00:01.123456 CET"


def test_braces_of_other_programs_swallow_nothing() -> None:
    log = [b"{\n", b"[    9.000000] " + KILL.encode() + b"\n", b"}\n", b"{ a = 1\n", b'{"level":"info"}\n']
    assert victims(*log) == [b"a b"]


def test_another_kind_of_log_behind_an_entry_loses_nothing() -> None:
    kill = b"[    9.000000] " + KILL.encode() + b"\n"
    head = b"Mon 2025-03-03 10:00:01.123456 CET [s=1;i=2;b=3;m=4;t=5;x=6]\n"
    assert victims(head, b"    MESSAGE=a\n", kill) == [b"a b"]
    assert victims(b"__CURSOR=x\n", b"MESSAGE=a\n", kill) == [b"a b"]
    assert victims(b"__CURSOR=x\n", b"MESSAGE=" + KILL.encode() + b"\n", b"{\n", kill) == [b"a b"]
    assert victims(b"{\n", b'  "MESSAGE": "a"\n', kill) == [b"a b"]
