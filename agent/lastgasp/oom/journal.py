"""Journals with their fields: journalctl -o json (-pretty, -sse, -seq), -o export, -o verbose; dmesg --json.

Such an entry is several lines, or one that holds all; ``Journal`` takes the lines in their order and gives for each
entry what ``log`` gives for a line. Of an entry that is cut, and of a message that journalctl left out ("[48B blob
data]"), nothing can be told. Never raises. What is kept of an entry that does not end is bounded by MOST.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from lastgasp.oom.log import KERNEL_TAGS, LEVELS, LONGEST, Line

MOST = 1 << 16
MESSAGES = ("MESSAGE", "msg")
WANTED = {*MESSAGES, "PRIORITY", "pri", "time", "_TRANSPORT", "SYSLOG_IDENTIFIER", "_HOSTNAME"}
WANTED |= {"_SOURCE_MONOTONIC_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP"}
STARTS = (b"{", b"_", b"\x1e")  # of a line that may begin an entry; b"" where the line is empty
VERBOSE = re.compile(
    rb"(?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [A-Z+\-\d:]{1,6})?) \[s=[0-9a-f]{1,32};i="
)
FIELD = re.compile(rb"([A-Z_][A-Z0-9_]{0,63})=(.*)$", re.S)
BINARY = re.compile(rb"([A-Z_][A-Z0-9_]{0,63})\n$")
MEMBER = re.compile(rb'[ \t]+(?:"|-?\d{1,20},?$|[\]}\[])|[\]}]')
CUT = re.compile(rb'"(?:MESSAGE|msg)" ?: ?("(?:[^"\\]|\\.){0,8192})')  # of an object that does not end
BLOB = re.compile(rb"\[\d{1,12}(?:\.\d)?[BKMGT] blob data\]$")


class Journal:
    """Reads lines. ``inside``: an entry has begun, so that the next line may be more of it."""

    def __init__(self) -> None:
        self.inside = ""  # "json", "export" or "verbose"
        self._number = 0  # of the line that the entry began with
        self._fields: dict[str, object] = {}
        self._held = b""  # of an object, or of a field of bytes
        self._binary = ""  # the name of that field

    def read(self, line: bytes, number: int) -> tuple[list[tuple[int, Line]], bool]:
        """The entries that this line ends, each with the number of its first line; and whether it belongs to any."""
        if not self.inside and line[:1] not in STARTS and b" [s=" not in line and not line.startswith(b"data: {"):
            return [], False
        if self.inside == "export":
            return self._export(line, number)
        text = line.replace(b"\0", b"").rstrip(b"\r\n") if b"\0" in line else line.rstrip(b"\r\n")
        if self.inside == "json":
            return self._more(text, number)
        if self.inside == "verbose" and text.startswith(b"    "):
            if match := FIELD.match(text, 4):
                self._keep(match[1].decode(), match[2])
            return [], True
        done = self.end()
        begun = self._begin(line, text.lstrip(b"\x1e").removeprefix(b"data: "), number)
        return done + (begun or []), begun is not None

    def end(self) -> list[tuple[int, Line]]:
        """The log ends, or another entry begins."""
        fields, self._fields = self._fields, {}
        self.inside = self._binary = ""
        self._held = b""
        line = _line(fields)
        return [(self._number, line)] if line else []

    def _begin(self, line: bytes, text: bytes, number: int) -> list[tuple[int, Line]] | None:
        if text.startswith(b"{"):
            if len(text) > 1:
                found = _line(_object(text))
                return [(number, found)] if found else None
            self.inside, self._number = "json", number
            return []
        if line.startswith(b"__CURSOR="):
            self.inside, self._number = "export", number
            return []
        if match := VERBOSE.match(text):
            self.inside, self._number = "verbose", number
            self._fields["date"] = match[1]
            return []
        return None

    def _more(self, text: bytes, number: int) -> tuple[list[tuple[int, Line]], bool]:
        """A line of an object that is printed over several."""
        if text.strip() in (b"{", b'"dmesg": ['):  # the outer one was no entry
            self._held, self._number = b"", number
            return [], True
        if text.strip() in (b"}", b"},", b"},{"):
            self._fields = _object(b"{" + self._held + b"}")
            done = self.end()
            if text.strip() == b"},{":
                self.inside, self._number = "json", number
            return done, True
        if not MEMBER.match(text) or len(self._held) > MOST:
            self.end()
            return [], False
        self._held += text + b"\n"
        return [], True

    def _export(self, line: bytes, number: int) -> tuple[list[tuple[int, Line]], bool]:
        if self._binary:
            self._held += line
            size = int.from_bytes(self._held[:8], "little")
            if size > MOST:
                return self.end(), True
            if len(self._held) > 8 + size:
                self._keep(self._binary, self._held[8 : 8 + size])
                self._binary, self._held = "", b""
            return [], True
        if match := BINARY.match(line):
            self._binary = match[1].decode()
            return [], True
        if match := FIELD.match(line.rstrip(b"\r\n")):
            done = self.end() if match[1] == b"__CURSOR" else []
            self._number = number if done or not self.inside else self._number
            self.inside = "export"
            self._keep(match[1].decode(), match[2])
            return done, True
        return self.end(), not line.strip()

    def _keep(self, name: str, value: bytes) -> None:
        if name in WANTED:
            self._fields.setdefault(name, value[:LONGEST])


def _object(text: bytes) -> dict[str, object]:
    """The members of an object; of one that is cut, the message if it is there."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        match = CUT.search(text)
        if match is None:
            return {}
        try:
            return {"MESSAGE": json.loads(match[1] + b'"')}
        except ValueError:
            return {}
    return {name: value for name, value in found.items() if name in WANTED} if isinstance(found, dict) else {}


def _line(fields: dict[str, object]) -> Line | None:
    text = next((_bytes(fields[name]) for name in MESSAGES if name in fields), None)
    if text is None or BLOB.match(text):
        return None
    program = _bytes(fields.get("SYSLOG_IDENTIFIER"))
    transport = _bytes(fields.get("_TRANSPORT"))
    uptime_us = _number(fields.get("_SOURCE_MONOTONIC_TIMESTAMP", fields.get("__MONOTONIC_TIMESTAMP")))
    seconds = fields.get("time")
    if isinstance(seconds, int | float) and 0 <= seconds < 1e12:
        uptime_us = round(seconds * 1_000_000)
    level = _number(fields.get("PRIORITY", fields.get("pri")))
    return Line(
        text[:LONGEST].rstrip(b"\r\n"),
        uptime_us,
        _wall(fields),
        level=level & 7 if level is not None else LEVELS.get(_bytes(fields.get("pri")) or b""),
        program=program,
        kernel=program in KERNEL_TAGS if program is not None else transport in (None, b"kernel"),
        prefixed=True,
        host=_bytes(fields.get("_HOSTNAME")),
    )


def _wall(fields: dict[str, object]) -> bytes | None:
    if isinstance(date := fields.get("date"), bytes):
        return date
    us = _number(fields.get("__REALTIME_TIMESTAMP"))
    if us is None or us >= 1 << 57:  # the year 6537
        return None
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC").encode()


def _bytes(value: object) -> bytes | None:
    """A value of bytes: text, or numbers where it is none; of a field that is there several times, the first."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list) and value:
        if isinstance(value[0], str):
            return _bytes(value[0])
        numbers = value[0] if isinstance(value[0], list) else value
        if all(isinstance(byte, int) and 0 <= byte < 256 for byte in numbers):
            return bytes(numbers)
    return None


def _number(value: object) -> int | None:
    raw = _bytes(value)
    if raw is None:
        return value if isinstance(value, int) and 0 <= value < 1 << 62 else None
    return int(raw) if raw.isdigit() and len(raw) < 20 else None
