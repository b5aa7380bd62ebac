"""The same lines of a kernel as each kind of log prints them: written here from the formats of these programs.

Each takes what a raw dmesg has, as (uptime in µs, text) with one text per printed line, and gives the log.
"""

from __future__ import annotations

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
}
