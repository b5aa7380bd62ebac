"""One line of any log: what stands before the kernel's text, and the text.

``split`` knows dmesg in its forms (raw, -r, -T, -x, -d, -H, --time-format iso, colour), syslog of RFC 3164 and RFC 5424
with rsyslog's escapes, journalctl (short, -iso, -precise, -full, -monotonic, -unix), logread and busybox's syslogd,
logcat, the records of /dev/kmsg, pstore's dumps and serial captures, and what some vendors' kernels add. Where garbage
stands before the kernel's clock (a shell's prompt, half a line), it takes up at the clock. ``Log`` does the same for
lines in their order and sees which continue the line before. Neither ever raises. Lines are cut at LONGEST. Colours are
taken out, also where a task's name contains such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

LONGEST = 8192  # the kernel's own lines have 1 to 2 kB, in /dev/kmsg up to four times that

LEVELS = {b"emerg": 0, b"alert": 1, b"crit": 2, b"err": 3, b"error": 3, b"warn": 4, b"warning": 4, b"notice": 5}
LEVELS |= {b"info": 6, b"debug": 7}
FACILITY = rb"(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local\d|res\d+)"
LEVEL = rb"(" + b"|".join(sorted(LEVELS, reverse=True)) + rb")"

COLOUR = re.compile(rb"\x1b\[[0-9;]{0,20}[mK]")
KMSG = re.compile(rb"(\d{1,6}),(\d{1,20}),(\d{1,18}),([^;]{1,80});(.*)", re.S)
KMSG_CALLER = re.compile(rb"caller=([TC]\d{1,10})")
ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
DICTIONARY = re.compile(rb" [A-Z][A-Z0-9_]*=")
PSTORE = re.compile(rb"(?:\w{1,16}#\d{1,6} Part\d{1,6}|={4}\d{1,12}\.\d{1,9}(?:-[CD])?)\s*$")
NUMBER = re.compile(rb"<(\d{1,3})>")
DECODED = re.compile(FACILITY + rb" {0,9}:" + LEVEL + rb" {0,9}: ?")
RFC5424 = re.compile(
    rb"1 (\S{1,40}) (\S{1,255}) (\S{1,48}) \S{1,128} \S{1,32} (?:-|(?:\[[^\]]{0,2000}\]){1,9}) ?(?:\xef\xbb\xbf)?"
)
UPTIME = re.compile(  # with what vendors put behind it: [ 12.345678,0] [ 12.345678 / 03-03 10:00:01.123] [ 12.345678s]
    rb"\[ {0,9}(\d{1,10})\.(\d{1,9})(?: {0,4}<[^>\]]{0,20}>|,\d{1,3}| / \d\d-\d\d [\d:.]{8,12}|s)?\]"
    rb"(?: ?\[ {0,9}([TC]\d{1,10})\])? ?"
)
ANYWHERE = re.compile(
    rb"(?:<(\d{1,3})>)?(\[ {0,9}\d{1,10}\.\d{6}\](?:\[ {0,9}[TC]\d{1,10}\])? )"
    rb"|\b([0-7]),(\d{1,20}),(\d{1,18}),([-c+](?:,[^;\s]{1,80})?);(.*)",
    re.S,
)
CLOCK = rb"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
ISO = rb"\d{4}-\d\d-\d\d[T ]" + CLOCK + rb"(?:Z|[+-]\d\d:?\d\d)?"
SHORT = rb"[A-Z][a-z]{2} [ \d]\d " + CLOCK
DATE = re.compile(
    rb"([A-Z][a-z]{2} " + SHORT + rb" \d{4}|" + SHORT + rb"|[A-Z][a-z]{2} " + ISO + rb" [A-Z+\-\d:]{1,6}|" + ISO
    + rb"|\d{9,11}\.\d{6}|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|" + CLOCK + rb") +"
)  # fmt: skip
BRACKETED = re.compile(
    rb"\[((?:[A-Z][a-z]{2} )?" + SHORT + rb"(?: \d{4})?|" + ISO + rb"|" + CLOCK + rb"|[A-Z][a-z]{2} ?[ \d]\d \d\d:\d\d"
    rb"| {0,9}\+\d{1,9}\.\d{1,9}|\d{1,10}\.\d{1,9} +\d{1,10}\.\d{1,9})\] ?"
)
TAG = re.compile(
    rb"(?:(\S{1,255}) )?" + FACILITY + rb"\." + LEVEL + rb" ([^\s:\[]{1,64})(?:\[\d{1,10}\])?: ?"
    rb"|(?!Hardware name: )(\S{1,255}) ([^\s:\[]{1,64})(?:\[\d{1,10}\])?: ?"
)
MONOTONIC = re.compile(rb"(\S{1,255}) (?:(kernel)|([^\s:\[]{1,64})\[\d{1,10}\]): ?")
LOGCAT = re.compile(rb"(?:\S{1,20} +)?(\d{1,10}) +\d{1,10} [VDIWEF] (\S{0,64}) *: ")
LOGCAT_BRIEF = re.compile(rb"[VDIWEF]/([^\s(]{1,64}) *\( *\d{1,10}\): ")
# The running task, as some vendors' kernels print it: [1:  kworker/1:2:  345], (1)[345:kworker/1:2],
# [pid:345,cpu1,kworker/1:2], c1 345
VENDOR = re.compile(
    rb" ?\[\d{1,3}: *[^\]]{1,20}: *(\d{1,10})\] ?| *-?\(\d{1,3}\)\[(\d{1,10}):[^\]]{0,20}\] ?"
    rb"|\[pid:(\d{1,10}),cpu\d{1,3},[^\]]{0,20}\]|c\d{1,2} {1,6}(\d{1,10}) "
)
REPEATED = re.compile(rb"message repeated \d{1,9} times: \[ ?(?=.*\]$)", re.S)
OCTAL = re.compile(rb"#(0[0-3][0-7]|177)")  # rsyslog's way to write control characters
KERNEL_TAGS = {b"kernel", b"klogd", b"vmunix"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line taken apart. ``kernel``: whether it can be the kernel's at all."""

    text: bytes
    uptime_us: int | None = None
    wall: bytes | None = None
    caller: bytes | None = None  # T123, a task; C0, a processor in an interrupt
    level: int | None = None
    program: bytes | None = None  # who says it, where syslog tells
    kernel: bool = True
    prefixed: bool = False  # something was before the text
    host: bytes | None = None  # whose log it is, where that of several is in one file
    goes_on: bool = False  # a record of /dev/kmsg of which more may follow
    continues: bool = False  # that is more of the one before


def split(line: bytes) -> Line:
    """Take one line apart, whatever log it comes from."""
    text = line[:LONGEST].rstrip(b"\r\n").lstrip(b"\r")
    if b"\x1b" in text:
        text = COLOUR.sub(b"", text)
    if match := KMSG.match(text):
        return _record(match)
    if PSTORE.match(text) or DICTIONARY.match(text):
        return Line(text, kernel=False)
    return _prefixes(text)


def _record(match: re.Match[bytes], first: int = 1) -> Line:
    text = match[first + 4]
    if b"\\x" in text:
        text = ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text)
    priority, flags = int(match[first]), match[first + 3]
    caller = KMSG_CALLER.search(flags)
    return Line(
        text,
        uptime_us=int(match[first + 2]),
        caller=caller[1] if caller else None,
        level=priority & 7,
        kernel=priority < 8,
        prefixed=True,
        goes_on=flags[:1] in (b"c", b"+"),
        continues=flags[:1] == b"+",
    )


def _prefixes(text: bytes) -> Line:
    at = 0
    wall = program = caller = host = None
    level = uptime_us = None
    if match := NUMBER.match(text):
        level, at = int(match[1]) & 7, match.end()
    if level is not None and (match := RFC5424.match(text, at)):
        wall, host, program, at = match[1], match[2], match[3], match.end()
    elif match := BRACKETED.match(text, at):
        wall, at = match[1].strip(), match.end()
    elif match := DATE.match(text, at):
        wall, at = match[1], match.end()
        if not UPTIME.match(text, at) and b"," not in wall:
            if tag := LOGCAT.match(text, at):
                if tag[1] == b"0" and tag[2] not in KERNEL_TAGS:  # the kernel's: logd took its first word for a tag
                    text = (tag[2] + b": " if tag[2] else b"") + text[tag.end() :]
                    return Line(text, wall=wall, prefixed=True)
                program, at = tag[2] or None, tag.end()
            elif tag := LOGCAT_BRIEF.match(text, at):
                program, at = tag[1], tag.end()
            elif wall[2:3] != b":" and (tag := TAG.match(text, at)):  # a mere time is a terminal's, without a host
                level = LEVELS.get(tag[2] or b"", level)
                host, program, at = tag[1] or tag[4], tag[3] or tag[5], tag.end()
                if program in KERNEL_TAGS:
                    text, at = _of_syslog(text, at)
    elif match := LOGCAT_BRIEF.match(text):
        program, at = match[1], match.end()
    if match := DECODED.match(text, at):
        level, at = LEVELS[match[1]], match.end()
    if match := UPTIME.match(text, at):
        uptime_us, caller, at = _micros(match[1], match[2]), match[3], match.end()
        if match := VENDOR.match(text, at):
            caller, at = caller or b"T" + (match[1] or match[2] or match[3] or match[4]), match.end()
        elif program is None and (match := MONOTONIC.match(text, at)):
            host, program, at = match[1], match[2] or match[3], match.end()
    elif (program is None or program in KERNEL_TAGS) and (match := ANYWHERE.search(text, at)):
        if match[3]:
            return _record(match, 3)
        level = int(match[1]) & 7 if match[1] else level
        clock = UPTIME.match(text, match.start(2))
        if clock:
            uptime_us, caller, at = _micros(clock[1], clock[2]), clock[3], clock.end()
    kernel = program is None or program in KERNEL_TAGS
    host = None if host in (b"-", b"(none)") else host  # before it has a name
    return Line(text[at:], uptime_us, wall, caller, level, program, kernel, at > 0, host)


def _of_syslog(text: bytes, at: int) -> tuple[bytes, int]:
    """What rsyslog made of a text is undone."""
    if match := REPEATED.match(text, at):
        text, at = text[:-1], match.end()
    if b"#" in text:
        text = text[:at] + OCTAL.sub(lambda found: bytes((int(found[1], 8),)), text[at:])
    return text, at


def _micros(seconds: bytes, fraction: bytes) -> int:
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, b"0"))


class Log:
    """Lines of one log in their order. Where dmesg and journalctl indent the further lines of one record, these get its
    prefix.
    """

    def __init__(self) -> None:
        self._last = Line(b"")
        self._indent = 0

    def read(self, line: bytes) -> Line:
        """Take the log's next line apart."""
        found = split(line)
        if found.prefixed:
            self._last = found
            self._indent = max(len(line.rstrip(b"\r\n")) - len(found.text), 0)
            return found
        text = found.text
        if self._indent >= 8 and text.startswith(b"        ") and not DICTIONARY.match(text):
            spaces = len(text) - len(text.lstrip(b" "))
            return replace(self._last, text=text[min(self._indent, spaces) :])
        return found
