"""The same lines of a kernel as each kind of log prints them: written here from the formats of these programs.

Each takes what a raw dmesg has, as (uptime in µs, text) with one text per printed line, and gives the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

Lines = list[tuple[int, bytes]]
RAW = re.compile(rb"\[ *(\d+)\.(\d{6})\] (.*)$", re.S)
GOES_ON = (b" active_", b" unevic", b" slab_rec", b" mapped:", b" sec_page", b" kernel_misc", b" free:", b"y=1,task=")
BOOT = datetime(2025, 3, 3, 10, 0, 1)


def raw_lines(log: bytes) -> Lines:
    found = []
    for line in log.splitlines():
        match = RAW.match(line)
        if match:
            found.append((int(match[1]) * 1_000_000 + int(match[2]), match[3]))
    return found


def _clock(us: int) -> bytes:
    return b"[%5d.%06d] " % divmod(us, 1_000_000)


def _date(us: int) -> datetime:
    return BOOT + timedelta(microseconds=us)


def _each(prefix: Callable[[int], bytes], clock: bool = True) -> Callable[[Lines], Iterator[bytes]]:
    def form(lines: Lines) -> Iterator[bytes]:
        for us, text in lines:
            yield prefix(us) + (_clock(us) if clock else b"") + text + b"\n"

    return form


def _stamp(us: int, pattern: str) -> bytes:
    day = _date(us)
    return day.strftime(pattern).replace("@", f"{day.day:2d}").encode()


def _records(lines: Lines) -> Iterator[tuple[int, list[bytes]]]:
    """Lines of one instant that could be one record: those of a group's statistics and Mem-Info's counters."""
    texts: list[bytes] = []
    last = -1
    for us, text in lines:
        goes_on = text.startswith(
            (b" active_", b" unevictable:", b" slab_recl", b" mapped:", b" sec_page", b" kernel_misc")
        )
        goes_on = goes_on or text.startswith((b" free:", b"y=1,task=")) or (b" " in text and text.split()[-1].isdigit())
        if us == last and goes_on:
            texts.append(text)
            continue
        if texts:
            yield last, texts
        texts, last = [text], us
    if texts:
        yield last, texts


def _indented(prefix: Callable[[int], bytes]) -> Callable[[Lines], Iterator[bytes]]:
    """dmesg and journalctl print the further lines of one record under the first."""

    def form(lines: Lines) -> Iterator[bytes]:
        for us, texts in _records(lines):
            before = prefix(us)
            yield before + texts[0] + b"\n"
            for text in texts[1:]:
                yield b" " * len(before) + text + b"\n"

    return form


def _kmsg(lines: Lines) -> Iterator[bytes]:
    for number, (us, texts) in enumerate(_records(lines)):
        escaped = b"\n".join(texts).replace(b"\\", b"\\x5c").replace(b"\n", b"\\x0a")
        yield b"6,%d,%d,-;%s\n" % (1000 + number, us, escaped)
        yield from (b" SUBSYSTEM=platform\n", b" DEVICE=+platform:oom\n")


def _kmsg_of_callers(lines: Lines) -> Iterator[bytes]:
    for number, (us, text) in enumerate(lines):
        yield b"4,%d,%d,-,caller=T93;%s\n" % (number, us, text.replace(b"\\", b"\\x5c"))


def _serial(lines: Lines) -> Iterator[bytes]:
    """A terminal's capture: a prompt or half a line before some lines, others' lines between, and CRLF."""
    garbage = [b"", b"", b"/ # ", b"\x1b[6n# cat /proc/m", b"", b"\x00\xfe\xff\x80"]
    for number, (us, text) in enumerate(lines):
        if number % 17 == 5:
            yield b"sensord: measured 21.5 degrees\r\n"
        yield garbage[number % len(garbage)] + _clock(us) + text + b"\r\n"


def _coloured(lines: Lines) -> Iterator[bytes]:
    for us, text in lines:
        head, colon, rest = text.partition(b": ")
        if colon and b" " not in head:
            text = b"\x1b[33m" + head + colon + b"\x1b[0m" + rest
        yield b"\x1b[32m" + _clock(us) + b"\x1b[0m" + text + b"\n"


def _pstore(lines: Lines) -> Iterator[bytes]:
    yield b"Panic#1 Part1\n"
    for us, text in lines:
        yield b"<4>" + _clock(us) + text + b"\n"


def _human(colours: bool) -> Callable[[Lines], Iterator[bytes]]:
    """dmesg -H: a date where another minute begins, else the time since the line before."""

    def form(lines: Lines) -> Iterator[bytes]:
        minute = before = -1
        for us, text in lines:
            if _date(us).minute != minute:
                head = _stamp(us, "[%b @ %H:%M] ")
            else:
                head = b"[  +%d.%06d] " % divmod(us - before, 1_000_000)
            minute, before = _date(us).minute, us
            if colours:
                head = b"\x1b[32m" + head + b"\x1b[0m"
                text = b"\x1b[1m" + text + b"\x1b[0m" if b"Out of memory" in text else text
            yield head + text + b"\n"

    return form


def _rsyslog(lines: Lines) -> Iterator[bytes]:
    """Control characters as #ooo, records of several lines as one, and the same text again only counted."""
    last = b""
    for us, texts in _records(lines):
        text = b"#012".join(text.replace(b"\t", b"#011") for text in texts)
        if text == last:
            text = b"message repeated 2 times: [ " + text + b"]"
        else:
            last = text
        yield _stamp(us, "%b @ %H:%M:%S host kernel: ") + text + b"\n"


def _entries(lines: Lines) -> Iterator[dict[str, bytes]]:
    for number, (us, texts) in enumerate(_records(lines)):
        yield {
            "__CURSOR": b"s=5d1c;i=%x;b=7e;m=%x;t=62f;x=ab" % (number, us),
            "__REALTIME_TIMESTAMP": b"%d" % (1741000000_000000 + us),
            "__MONOTONIC_TIMESTAMP": b"%d" % (us + 1200),
            "PRIORITY": b"4",
            "_TRANSPORT": b"kernel",
            "SYSLOG_FACILITY": b"0",
            "MESSAGE": b"\n".join(texts),
            "SYSLOG_IDENTIFIER": b"kernel",
            "_SOURCE_MONOTONIC_TIMESTAMP": b"%d" % us,
        }


def _value(value: bytes) -> str | list[int]:
    """What journald puts into JSON: bytes as numbers where it is no text."""
    odd = any(byte < 32 and byte != 10 for byte in value) or not value.isascii()
    return list(value) if odd else value.decode()


def _json(prefix: str = "", indent: str | None = None, numbers: bool = False) -> Callable[[Lines], Iterator[bytes]]:
    def form(lines: Lines) -> Iterator[bytes]:
        for entry in _entries(lines):
            values = {
                name: list(value) if numbers and name == "MESSAGE" else _value(value) for name, value in entry.items()
            }
            separators = (",", " : ") if indent else (",", ":")
            yield from (
                (prefix + json.dumps(values, indent=indent, separators=separators) + "\n").encode().splitlines(True)
            )
            if prefix == "data: ":
                yield b"\n"

    return form


def _export(lines: Lines) -> Iterator[bytes]:
    whole = b""
    for entry in _entries(lines):
        for name, value in entry.items():
            if isinstance(_value(value), list) or b"\n" in value:
                whole += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
            else:
                whole += name.encode() + b"=" + value + b"\n"
        whole += b"\n"
    yield from whole.splitlines(True)


def _verbose(lines: Lines) -> Iterator[bytes]:
    for us, text in lines:
        (entry,) = _entries([(us, text)])
        yield _stamp(us, "%a %Y-%m-%d %H:%M:%S.%f CET [") + entry.pop("__CURSOR") + b"]\n"
        for name, value in sorted(entry.items()):
            yield b"    " + name.encode() + b"=" + value + b"\n"


def _dmesg_json(lines: Lines) -> Iterator[bytes]:
    yield from (b"{\n", b'   "dmesg": [\n')
    for number, (us, texts) in enumerate(_records(lines)):
        text = json.dumps(b"\n".join(texts).decode("latin-1"))
        yield from (b"      {\n" if not number else b"      },{\n", b'         "pri": 4,\n')
        yield from (b'         "time": %5d.%06d,\n' % divmod(us, 1_000_000), b'         "msg": %s\n' % text.encode())
    yield from (b"      }\n", b"   ]\n", b"}\n")


def wrapped(width: int, trimmed: bool = False) -> Callable[[Lines], Iterator[bytes]]:
    """Copied out of a terminal: each row of the screen a line; some leave out the spaces at a row's end."""

    def form(lines: Lines) -> Iterator[bytes]:
        for us, text in lines:
            line = _clock(us) + text
            rows = [line[at : at + width] for at in range(0, len(line), width)]
            yield from ((row.rstrip(b" ") if trimmed else row) + b"\n" for row in rows)

    return form


def _logcat(lines: Lines) -> Iterator[bytes]:
    """logd takes a word with a colon behind it for the tag."""
    for us, text in lines:
        tag, colon, rest = text.partition(b": ")
        if not colon or b" " in tag or b"[" in tag or not tag:
            tag, rest = b"", text
        yield _stamp(us, "%m-%d %H:%M:%S.%f")[:-3] + b"     0     0 W %-8s: " % tag + rest + b"\n"


def _encoded(encoding: str, end: str) -> Callable[[Lines], Iterator[bytes]]:
    """As a Windows program saves what it captured."""

    def form(lines: Lines) -> Iterator[bytes]:
        text = "".join((_clock(us) + line).decode("latin-1") + end for us, line in lines)
        yield from _split(text.encode(encoding))

    return form


def _split(raw: bytes) -> Iterator[bytes]:
    """Lines as readline() gives them, also of two bytes for each character."""
    yield from (line + b"\n" for line in raw.split(b"\n"))


FORMS: dict[str, Callable[[Lines], Iterable[bytes]]] = {
    "dmesg": _each(lambda us: b""),
    "dmesg -r": _each(lambda us: b"<4>"),
    "dmesg -x": _each(lambda us: b"kern  :warn  : "),
    "dmesg -x, indented": _indented(lambda us: b"kern  :warn  : " + _clock(us)),
    "dmesg, indented": _indented(_clock),
    "dmesg -T": _each(lambda us: _stamp(us, "[%a %b @ %H:%M:%S %Y] "), clock=False),
    "dmesg -d": _each(lambda us: b"[%5d.%06d <    0.000012>] " % divmod(us, 1_000_000), clock=False),
    "dmesg --time-format iso": _each(lambda us: _stamp(us, "%Y-%m-%dT%H:%M:%S,%f+00:00 "), clock=False),
    "dmesg --color": _coloured,
    "dmesg -t": _each(lambda us: b"", clock=False),
    "callers": _each(lambda us: _clock(us)[:-1] + b"[   T93] ", clock=False),
    "callers, spaced": _each(lambda us: _clock(us) + b"[  T93] ", clock=False),
    "kmsg": _kmsg,
    "kmsg with callers": _kmsg_of_callers,
    "syslog": _each(lambda us: _stamp(us, "%b @ %H:%M:%S host kernel: ")),
    "syslog without a clock": _each(lambda us: _stamp(us, "%b @ %H:%M:%S host kernel: "), clock=False),
    "rsyslog's file format": _each(lambda us: _stamp(us, "%Y-%m-%dT%H:%M:%S.%f+01:00 host kernel: ")),
    "RFC 5424": _each(lambda us: b"<4>1 " + _stamp(us, "%Y-%m-%dT%H:%M:%S.%fZ host kernel - - - ")),
    "RFC 5424 with data": _each(lambda us: b"<4>1 " + _stamp(us, '%Y-%m-%dT%H:%M:%SZ host kernel 1 - [a@1 b="c d"] ')),
    "journalctl": _each(lambda us: _stamp(us, "%b @ %H:%M:%S host kernel: "), clock=False),
    "journalctl, indented": _indented(lambda us: _stamp(us, "%b @ %H:%M:%S host kernel: ")),
    "journalctl -o short-iso": _each(lambda us: _stamp(us, "%Y-%m-%dT%H:%M:%S+0100 host kernel: "), clock=False),
    "journalctl -o short-precise": _each(lambda us: _stamp(us, "%b @ %H:%M:%S.%f host kernel: "), clock=False),
    "journalctl -o short-full": _each(lambda us: _stamp(us, "%a %Y-%m-%d %H:%M:%S CET host kernel: "), clock=False),
    "journalctl -o short-monotonic": _each(lambda us: _clock(us) + b"host kernel: ", clock=False),
    "journalctl -o short-unix": _each(lambda us: b"1741000000.%06d host kernel: " % (us % 1_000_000), clock=False),
    "logread": _each(lambda us: _stamp(us, "%a %b @ %H:%M:%S %Y kern.warn kernel: ")),
    "busybox syslogd": _each(lambda us: _stamp(us, "%b @ %H:%M:%S (none) kern.warn kernel: ")),
    "busybox klogd": _each(lambda us: _stamp(us, "%b @ %H:%M:%S host user.warn kernel: "), clock=False),
    "serial": _serial,
    "serial with dates": _each(lambda us: _stamp(us, "[%Y-%m-%d %H:%M:%S.%f] ")),
    "serial with times and no clock": _each(lambda us: _stamp(us, "%H:%M:%S.%f "), clock=False),
    "dmesg -e": _each(lambda us: b"[  +0.000012] ", clock=False),
    "pstore": _pstore,
    "Samsung": _each(lambda us: _clock(us) + b" [1:     kworker/1:1:   93] ", clock=False),
    "MediaTek": _each(lambda us: _clock(us) + b" (0)[93:kworker/0:2]", clock=False),
    "dmesg -H": _human(False),
    "dmesg -H --color": _human(True),
    "dmesg --json": _dmesg_json,
    "rsyslog's escapes": _rsyslog,
    "busybox syslogd -S": _each(lambda us: _stamp(us, "%b @ %H:%M:%S kern.warn kernel: ")),
    "journalctl -o cat": _each(lambda us: b"", clock=False),
    "journalctl -o json": _json(),
    "journalctl -o json, bytes": _json(numbers=True),
    "journalctl -o json-pretty": _json(indent="\t"),
    "journalctl -o json-sse": _json("data: "),
    "journalctl -o json-seq": _json("\x1e"),
    "journalctl -o export": _export,
    "journalctl -o verbose": _verbose,
    "a terminal of 80 columns": wrapped(80),
    "a terminal of 80 columns, spaces cut off": wrapped(80, trimmed=True),
    "a terminal of 132 columns": wrapped(132),
    "logcat": _logcat,
    "logcat -v time": _each(lambda us: _stamp(us, "%m-%d %H:%M:%S.%f")[:-3] + b" W/kernel  (    0): ", clock=False),
    "Motorola": _each(lambda us: b"<4>[%5d.%06d,0] " % divmod(us, 1_000_000), clock=False),
    "LG": _each(lambda us: b"<4>[%5d.%06d / 03-03 10:00:01.123] " % divmod(us, 1_000_000), clock=False),
    "HTC": _each(lambda us: _clock(us) + b"c1     93 ", clock=False),
    "Huawei": _each(lambda us: b"<4>[%5d.%06ds][pid:93,cpu0,kworker/0:2]" % divmod(us, 1_000_000), clock=False),
    "grabserial": _each(lambda us: b"[%d.%06d 0.000123] " % divmod(us, 1_000_000)),
    "UTF-16": _encoded("utf-16", "\r\n"),
    "UTF-16, the other order": _encoded("utf-16-be", "\r\n"),
    "UTF-8 with its mark": _encoded("utf-8-sig", "\r\n"),
    "two carriage returns": _encoded("latin-1", "\r\r\n"),
    "NUL bytes": _each(lambda us: _clock(us)[:4] + b"\0\0" + _clock(us)[4:] + b"\0", clock=False),
}
