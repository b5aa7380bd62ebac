"""What happened to the recording itself: starts and stops of the agent, marks, alerts, configuration, tuning."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Event, Recording


class End(StrEnum):
    """How a run of the agent ended."""

    STOPPED = "stopped"  # it was asked to, and wrote so
    UNCLEAN = "unclean"  # power cut, reset, kill: whatever did not let it write
    OPEN = "open"  # the recording ends here: still running when it was copied, or as above


@dataclass(slots=True)
class Run:
    """One run of the agent."""

    first: Moment
    last: Moment
    began: bool  # its start is in the recording, not overwritten or lost
    end: End
    notes: list[bytes]  # what the agent had to say at its start; raw


@dataclass(frozen=True, slots=True)
class Happening:
    """A mark, an alert, a change of configuration or of a process's oom_score_adj."""

    at: Moment
    kind: str  # mark, alert, alert.end, config (an error there tells of itself), tune
    text: bytes  # raw


def runs(recording: Recording) -> list[Run]:
    """The runs, in order: each from a start (or the beginning of what is recorded) to a stop or to the next one."""
    found = []
    boots = recording.boots
    for index, boot in enumerate(boots):
        starts: list[Event | None] = [event for event in boot.events if event.kind == "start"]
        stops = [event.at_ms for event in boot.events if event.kind == "stop"]
        edges = [event.at_ms for event in starts if event is not None]
        if not edges or boot.first_ms < edges[0]:
            starts.insert(0, None)
            edges.insert(0, boot.first_ms)
        for start, from_ms, to_ms in zip(starts, edges, [*edges[1:], boot.last_ms + 1], strict=True):
            stopped = [at for at in stops if from_ms <= at < to_ms]
            seen = boot.sample_at[: bisect_left(boot.sample_at, to_ms)]
            last_ms = stopped[-1] if stopped else max(from_ms, seen[-1] if seen else from_ms)
            note = start.values.get("note") if start is not None else None
            found.append(
                Run(
                    moment(boots, index, from_ms),
                    moment(boots, index, last_ms),
                    start is not None,
                    End.STOPPED if stopped else End.UNCLEAN,
                    [note] if note else [],
                )
            )
    if found[-1].end is End.UNCLEAN:
        found[-1].end = End.OPEN
    return found


def happenings(recording: Recording) -> list[Happening]:
    """Marks, alerts, configuration changes and tuned processes, in order."""
    return [one for index in range(len(recording.boots)) for one in happenings_of(recording.boots, index)]


def happenings_of(boots: list[Boot], index: int) -> list[Happening]:
    """The same of one boot."""
    found = []
    for event in boots[index].events:
        if event.kind in ("mark", "alert", "alert.end", "config"):
            values = event.values
            text = values.get("text") or values.get("error") or b"read again"
            found.append(Happening(moment(boots, index, event.at_ms), event.kind, text))
        elif event.kind == "tune":
            found.append(Happening(moment(boots, index, event.at_ms), event.kind, _tuned(event)))
    return found


def _tuned(event: Event) -> bytes:
    """Whose oom_score_adj the agent changed, or was refused to."""
    values = event.values
    pid = values.get("key", b"?").partition(b"@")[0]
    new = values.get("new") or values.get("wanted") or b"?"
    text = b"%s (pid %s): oom_score_adj %s to %s" % (values.get("name", b"?"), pid, values.get("old", b"?"), new)
    if "revert" in values:
        text += b", put back"
    return text + b", refused (errno %s)" % values["error"] if "error" in values else text
