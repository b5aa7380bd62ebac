"""What recording cost: the agent's own memory and CPU as it recorded them, and what it wrote to flash."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.fields import whole
from lastgasp.timeline.model import Boot, Process, Recording

AGENT = b"lastgasp-agent"  # the name that a running agent gives itself
RECORDERS = {AGENT: b"run", b"lastgasp": b"record"}  # commands that record, and by which word
RATE_AFTER_MS = 600_000  # before, the start itself is most of what was written
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Cost:
    """None: the recording does not tell."""

    agents: int  # runs of the agent whose process was found in the recording
    rss_bytes: int | None  # resident memory, files included: the highest
    anon_bytes: int | None  # its own: the highest
    cpu_ms: int | None  # while it was recorded
    cpu_share: float | None  # of one CPU
    ring_bytes: int
    block_size: int
    writes: int  # of blocks, while what is in the ring was written
    written_bytes: int
    bytes_per_day: int | None  # None: too early to tell
    history_days: float | None  # how long the ring lasts before it comes round


def cost(recording: Recording) -> Cost:
    """Add up what all runs of the agent cost."""
    rss: list[int] = []
    anon: list[int] = []
    cpu_ms = known_ms = 0.0
    agents = 0
    for boot in recording.boots:
        ticks = whole(boot.machine().get("clock_ticks"))
        recorders = _recorders(boot)
        for process in boot.processes.values():
            if not (any(_is(process, *run) for run in recorders) if recorders else _is_agent(process)):
                continue
            times, rows = boot.together("process", process.key, ("rss", "shared", "cpu_ticks"))
            if not rows:
                continue
            agents += 1
            rss.append(max(row[0] for row in rows) * boot.page_size)
            anon.append(max(row[0] - row[1] for row in rows) * boot.page_size)
            if ticks:
                cpu_ms += (rows[-1][2] - rows[0][2]) * 1000 / ticks
                known_ms += _last_seen(boot, process) - times[0]
    recorded_ms = sum(boot.last_ms - boot.first_ms for boot in recording.boots)
    ring_bytes = recording.slots * recording.block_size
    written = recording.writes * recording.block_size
    per_day = round(written * DAY_MS / recorded_ms) if recorded_ms >= RATE_AFTER_MS else None
    # What was written early takes turns in its slots: only full blocks push history out.
    filled_per_day = (recording.blocks + recording.missing) * DAY_MS / recorded_ms if per_day else None
    return Cost(
        agents,
        max(rss, default=None),
        max(anon, default=None),
        round(cpu_ms) if known_ms > 0 else None,
        cpu_ms / known_ms if known_ms > 0 else None,
        ring_bytes,
        recording.block_size,
        recording.writes,
        written,
        per_day,
        recording.slots / filled_per_day if filled_per_day else None,
    )


def _recorders(boot: Boot) -> list[tuple[int, int]]:
    """Pid of the agent and when it said so (ms), of each time that it told who it is."""
    told = [(event.values.get("pid", b""), event.at_ms) for event in boot.events if event.kind == "machine"]
    return [(int(pid), at_ms) for pid, at_ms in told if pid.isdigit() and len(pid) < 10]


def _is(process: Process, pid: int, at_ms: int) -> bool:
    """Was that this process? A pid is used again, but not while it lives."""
    return process.pid == pid and (process.gone_ms is None or process.gone_ms >= at_ms)


def _is_agent(process: Process) -> bool:
    """Of a recording that does not tell the agent's pid: by the words of its command line, or else by its name.

    The same commands also read recordings.
    """
    command_line = process.attributes.get("cmdline", b"")
    words = [word.rpartition(b"/")[2] for word in command_line.split(b" ") if not word.startswith(b"-")]
    if words and words[0].startswith(b"python"):
        del words[0]
    if not words or words[0] not in RECORDERS:
        return process.name == AGENT
    return RECORDERS[words[0]] in words[1:3]  # a file for --config may stand before it


def _last_seen(boot: Boot, process: Process) -> int:
    last = boot.sample_at[-1]
    return last if process.gone_ms is None else min(last, process.gone_ms)
