"""What the laptop's side makes of a ring: the decoded recording and the report."""

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from bed import tools
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Recording
from rehearsals import parts

BEFORE_MS = 15_000
AFTER_MS = 5_000
FIRST_LINE = b" invoked oom-killer: "
LAST_LINE = b"Killed process "


class Told:
    """One ring, decoded and reported on by ``scripts/lastgasp``."""

    def __init__(self, ring: Path) -> None:
        command = [sys.executable, str(parts.SCRIPTS / "lastgasp"), "report", str(ring)]
        self.recording: Recording = load(str(ring))[0]
        self.text = tools.run(command)
        ring.with_suffix(".txt").write_text(self.text)
        self.report: dict[str, Any] = json.loads(tools.run([*command, "--json"]))["recordings"][0]

    @property
    def lost(self) -> list[str]:
        """What a recording without damage has nothing of, where it has some."""
        losses = self.report["losses"]
        names = ("missing_blocks", "damaged_bytes", "newer_blocks", "undecodable_records", "unseen_samples")
        found = [f"{name} {losses[name]}" for name in (*names, "write_errors", "lost_bytes") if losses[name]]
        return found + [f"hole at {hole['first']['uptime_ms']} ms" for hole in losses["holes"]]

    def marks(self) -> list[dict[str, Any]]:
        """All marks: ``at`` (boot, uptime_ms, utc) and ``text``."""
        return [item for item in self.report["happenings"] if item["kind"] == "mark"]


def longest_gap_ms(boot: Boot, kill_ms: int) -> int:
    """The longest distance of two samples from 15 s before a kill to 5 s after it."""
    near = [(a, b) for a, b in pairwise(boot.sample_at) if b > kill_ms - BEFORE_MS and a < kill_ms + AFTER_MS]
    return max(b - a for a, b in near)


def around_ms(boot: Boot, kill_ms: int) -> tuple[int | None, int | None]:
    """How long before the kill the last sample was taken, and how long after it the next."""
    before = [kill_ms - at for at in boot.sample_at if at <= kill_ms]
    after = [at - kill_ms for at in boot.sample_at if at > kill_ms]
    return min(before, default=None), min(after, default=None)


def of_report(log: list[bytes]) -> list[bytes]:
    """The records of the first OOM report, from "invoked oom-killer" to the kill; empty when it is not whole."""
    first = next((n for n, record in enumerate(log) if FIRST_LINE in record), None)
    if first is None:
        return []
    last = next((n for n, record in enumerate(log[first:], first) if LAST_LINE in record), None)
    return [] if last is None else log[first : last + 1]


def not_kept(boot: Boot, records: list[bytes]) -> list[bytes]:
    """Those of the kernel's records that are not in the recording, byte for byte."""
    kept = {message.record for message in boot.messages}
    return [record for record in records if record not in kept]
