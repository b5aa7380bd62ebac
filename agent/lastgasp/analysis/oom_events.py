"""OOM kills as the kernel's headlines tell them: who asked, whose limit it was, who was killed.

Only those lines are read that say so in one line each; the whole report is another reader's task. Never raises: what
a line does not tell is None. Names in it come from the processes themselves and may hold anything that looks like
more of the line, so every line is read from its fixed ends towards the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lastgasp.analysis.fields import whole
from lastgasp.analysis.times import Moment, moment
from lastgasp.analysis.trend import Shape
from lastgasp.timeline.model import Boot, Message, Recording

KB = 1024
INVOKED = re.compile(rb"^(.*) invoked oom-killer: .*?order=(-?\d{1,2})\b", re.S)
CHOSE = re.compile(rb"^oom-kill:constraint=(\w+),(.*?),task=(.*),pid=(\d{1,10}),uid=\d+$", re.S)
GROUP = re.compile(rb"oom_memcg=(.*),task_memcg=")
ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")  # how /dev/kmsg writes control characters, backslashes and bytes over 127
KILLED = re.compile(rb"Killed process (\d{1,10})(?:, UID \d+,)? \((.*)\),? total-vm:\d+kB(.*)$", re.S)
OLD_GROUP = re.compile(rb"^Task in (\S+) killed as a result of limit of (\S+)")
SIZES = {b"anon-rss": "anon_bytes", b"file-rss": "file_bytes", b"shmem-rss": "shmem_bytes"}
PANIC = re.compile(rb"Kernel panic - not syncing: (Out of memory.*|System is deadlocked on memory)")
NEAR_MS = 5_000  # a kill line this long after "invoked" still belongs to it


@dataclass(slots=True)
class OomEvent:
    """One kill, or one report without a kill. Sizes in bytes, as the kernel printed them."""

    at: Moment
    before_recording: bool  # the agent found it in the kernel's log when it started
    invoker: bytes | None = None
    order: int | None = None  # the request was for 2^order pages; -1: asked for by sysrq
    constraint: str | None = None  # CONSTRAINT_NONE, CONSTRAINT_MEMCG …
    group: bytes | None = None  # memory control group whose limit was reached
    limited_by_group: bool = False
    victim: bytes | None = None
    victim_pid: int | None = None
    anon_bytes: int | None = None
    file_bytes: int | None = None
    shmem_bytes: int | None = None
    oom_score_adj: int | None = None
    panic: str | None = None  # the kernel gave up: its words
    victim_program: bytes | None = None  # what the recording knows of the victim: its program and the shape of its
    victim_shape: Shape | None = None  # memory; filled in by facts.gather


def oom_events(recording: Recording) -> list[OomEvent]:
    """All kills and reports, in the order of the kernel's log."""
    found: list[OomEvent] = []
    for index, boot in enumerate(recording.boots):
        found += _of_boot(recording.boots, index, boot)
    return found


def kills_counted(recording: Recording) -> int | None:
    """OOM kills by the kernel's counter while it was recorded; None where it has none (before 4.13)."""
    total: int | None = None
    for boot in recording.boots:
        _, values = boot.points("vmstat", b"", "oom_kill")
        if values:
            total = (total or 0) + max(values[-1] - values[0], 0)
    return total


def _of_boot(boots: list[Boot], index: int, boot: Boot) -> list[OomEvent]:
    found: list[OomEvent] = []
    open_: OomEvent | None = None  # begun, and nobody killed yet
    for message in boot.messages:
        at_ms, text = _split(message)
        at = moment(boots, index, at_ms)
        if open_ is not None and at_ms - open_.at.uptime_ms > NEAR_MS:
            open_ = None
        if match := INVOKED.search(text):
            open_ = OomEvent(at, at_ms < boot.first_ms, match[1], int(match[2]))
            found.append(open_)
            continue
        chose, killed, old, panic = CHOSE.search(text), KILLED.search(text), OLD_GROUP.search(text), PANIC.search(text)
        if not (chose or killed or old or panic):
            continue
        if killed and _told_already(found, int(killed[1]), at_ms):
            continue
        event = open_
        if event is None:
            event = open_ = OomEvent(at, at_ms < boot.first_ms)
            found.append(event)
        if chose:
            _take_choice(event, chose)
        elif old:
            event.group, event.limited_by_group = old[2], True
        elif panic:
            event.panic = panic[1].decode("ascii", "replace")
        elif killed:
            _take_kill(event, text, killed)
            open_ = None
    return found


def _told_already(found: list[OomEvent], pid: int, at_ms: int) -> bool:
    """With memory.oom.group the victim's line comes twice."""
    return any(
        event.anon_bytes is not None and event.victim_pid == pid and at_ms - event.at.uptime_ms < NEAR_MS
        for event in found
    )


def _take_choice(event: OomEvent, match: re.Match[bytes]) -> None:
    event.constraint = match[1].decode("ascii", "replace")
    event.victim, event.victim_pid = match[3], int(match[4])
    group = GROUP.search(match[2])
    event.group = group[1] if group else None
    event.limited_by_group = event.constraint == "CONSTRAINT_MEMCG"


def _take_kill(event: OomEvent, text: bytes, match: re.Match[bytes]) -> None:
    event.victim_pid, event.victim = int(match[1]), match[2]
    event.limited_by_group = event.limited_by_group or text.startswith(b"Memory cgroup out of memory")
    for word in match[3].replace(b",", b" ").split():
        name, _, value = word.partition(b":")
        number = whole(value.removesuffix(b"kB"))
        if name in SIZES and number is not None:
            setattr(event, SIZES[name], number * KB)
        elif name == b"oom_score_adj":
            event.oom_score_adj = number


def _split(message: Message) -> tuple[int, bytes]:
    """Time (ms since boot, by the kernel's clock) and text of a /dev/kmsg record; the agent's time if it is none."""
    head, semicolon, text = message.record.partition(b";")
    words = head.split(b",")
    at_us = whole(words[2]) if semicolon and len(words) > 2 else None
    if at_us is None:
        return message.at_ms, message.record
    text = text.partition(b"\n")[0]
    return at_us // 1000, ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), text)
