"""``lastgasp record``: the agent in the foreground, on this machine, for as long as asked.

For a first look and for a developer's own machine; what runs for months on a device is ``lastgasp-agent``. Works as
an ordinary user, who sees less: no kernel log, no mappings of others.
"""

from __future__ import annotations

import argparse
import os
import posix
import re
import signal
import stat
import sys
import time
from typing import TYPE_CHECKING, TextIO

from lastgasp.recorder.agent import Agent
from lastgasp.recorder.clocks import read_boot_id
from lastgasp.recorder.config import Config
from lastgasp.recorder.config_file import duration
from lastgasp.recorder.ring_file import OpenedRing, open_ring
from lastgasp.report import units
from lastgasp.report.visible import visible
from lastgasp.ring.scan import scan

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp record --for 60s      sixty samples, then the next command to type
  lastgasp record --interval 500ms -o leak.lgr
                                         until Ctrl-C
"""
MB = 1 << 20
BYTES_PER_SAMPLE = 2048  # 100 on a quiet device, 1,000 on a busy desktop with 500 processes
LEAST_SIZE, OPEN_END_SIZE, MOST_SIZE = MB, 16 * MB, 256 * MB
PROCESSES = 4096
WAKE_S = 0.5


class RecordError(Exception):
    """Nothing can be recorded there; str() is the line to show."""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "record",
        help="record this machine, in the foreground",
        description="Record this machine until Ctrl-C or for a given time. Needs no root, but sees more with it. A"
        " file that holds a recording already is continued.",
    )
    parser.add_argument("--interval", type=_interval, default=1000, metavar="TIME", help="between samples (default 1s)")
    parser.add_argument("--for", type=milliseconds, dest="span", metavar="TIME", help="stop after it: 60s, 10m, 2h")
    parser.add_argument("-o", dest="path", metavar="FILE", help="default: lastgasp-HOST-DATE-TIME.lgr, here")
    parser.set_defaults(run=run)
    return parser


def milliseconds(text: str) -> int:
    """Of a time as people write it: 500ms, 60s, 10m, 2h. Raises ArgumentTypeError."""
    try:
        value = duration(text)
    except (ValueError, KeyError, OverflowError):
        value = 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 500ms, 60s, 10m or 2h")
    return value


def _interval(text: str) -> int:
    value = milliseconds(text)
    if not 100 <= value <= 86_400_000:
        raise argparse.ArgumentTypeError(f"{text!r}: the least interval is 100ms, the greatest 1d")
    return value


def run(options: argparse.Namespace) -> int:
    """Record. Raises RecordError, RingError."""
    path = options.path or default_name()
    config = make_config(path, options.interval, options.span)
    config.ring_size = existing_size(path) or config.ring_size
    ring = open_ring(config, read_boot_id(b"/"))
    agent = Agent(config, ring)
    try:
        _record(agent, options.span, sys.stderr if sys.stderr.isatty() else None)
    finally:
        posix.close(ring.storage.fd)
    sys.stdout.write(summary(agent, ring, path))
    return 0


def default_name() -> str:
    """lastgasp-HOST-YYYYmmdd-HHMMSS.lgr; what a host name should not hold becomes a dash."""
    host = re.sub(r"[^A-Za-z0-9_-]", "-", posix.uname().nodename)[:32] or "host"
    return f"lastgasp-{host}-{time.strftime('%Y%m%d-%H%M%S')}.lgr"


def existing_size(path: str) -> int:
    """Bytes of the ring that is there already, 0 for none. Raises RecordError for anything that is no ring."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return 0
    if stat.S_ISDIR(mode):
        raise RecordError(f"{path}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise RecordError(f"{path}: is no ordinary file; lastgasp-agent records to devices, this command does not")
    with open(path, "rb") as file:
        found = scan(file)
    if found.size and not found.blocks and not found.blank:
        raise RecordError(f"{path}: holds something that is no recording; name another file with -o")
    return found.size


def make_config(path: str, interval_ms: int, span_ms: int | None) -> Config:
    """Settings for a recording of this length; None: nobody knows how long."""
    config = Config()
    config.ring_path = path
    wanted = OPEN_END_SIZE if span_ms is None else span_ms // interval_ms * BYTES_PER_SAMPLE
    config.ring_size = min(max(wanted, LEAST_SIZE), MOST_SIZE) // config.block_size * config.block_size
    config.interval = interval_ms
    config.pressure_interval = min(interval_ms, config.pressure_interval)
    config.slow_interval = min(max(5 * interval_ms, 1000), 60_000)
    config.flush_interval = max(10_000, interval_ms)
    # Where growth lies is told by two readings at least, so a short recording must read more often.
    often = max(2_000, 3 * interval_ms)
    config.mapping_interval = max(often, min((span_ms or 200_000) // 20, 60_000))
    config.processes = PROCESSES
    config.command_line = 256
    config.pmsg = False
    config.control_socket = ""
    config.alert_syslog = False
    return config


def _record(agent: Agent, span_ms: int | None, terminal: TextIO | None) -> None:
    """Turn the agent's loop until the time is over or a signal comes; then everything is in the file."""

    def stop(number: int) -> None:
        agent.stopping = True

    agent.loop.catch_signals(stop)
    # The loop sleeps until the next sample, which may be minutes; any signal wakes it.
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, WAKE_S, WAKE_S)
    end_ms = agent.started_ms + span_ms if span_ms is not None else None
    agent.start()
    while not agent.stopping and (end_ms is None or agent.clock() < end_ms):
        agent.turn()
        if terminal is not None:
            terminal.write(f"\r{progress(agent, end_ms):79}")
            terminal.flush()
    signal.setitimer(signal.ITIMER_REAL, 0)
    agent.stop()
    if terminal is not None:
        terminal.write(f"\r{'':79}\r")


def progress(agent: Agent, end_ms: int | None) -> str:
    """One line on how it goes."""
    now = agent.clock()
    passed = f"{units.clock(now - agent.started_ms)} recorded"
    left = passed if end_ms is None else f"{units.clock(max(end_ms - now, 0))} left"
    available = agent.sampler.system.available_kb
    return ", ".join(
        (
            left,
            units.count(agent.sampler.samples, "sample"),
            f"{units.size(None if available is None else available * 1024)} available",
            units.count(len(agent.sampler.processes.known), "process", "processes"),
            f"{units.size(agent.writer.blocks_written * agent.ring.block_size)} written",
        )
    )


def summary(agent: Agent, ring: OpenedRing, path: str) -> str:
    """What was recorded, what was not, and what to type next."""
    recorded = units.duration(agent.clock() - agent.started_ms)
    lines = [f"Recorded {units.count(agent.sampler.samples, 'sample')} in {recorded}: {visible(path)}"]
    lines += [f"note: {visible(note)}" for note in ring.notes]
    if agent.log.fd < 0:
        lines.append("note: the kernel log cannot be read, so OOM reports are missing; run as root to have them")
    if agent.writer.refusals:
        lines.append(f"note: the file could not be written: {os.strerror(agent.writer.last_error)}")
    if agent.writer.blocks_written > ring.place.slots:
        lines.append("note: the ring came round: its oldest samples were overwritten")
    lines.append(f"Next: lastgasp report {summary_path(path)}")
    return "\n".join(lines) + "\n"


def summary_path(path: str) -> str:
    """As a shell wants it; what cannot be shown safely is left to be typed with care."""
    if visible(path) != path:
        return visible(path)
    return path if re.fullmatch(r"[\w@%+=:,./-]+", path) else "'" + path.replace("'", "'\\''") + "'"
