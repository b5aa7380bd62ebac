"""What the agent's ring holds of a kill, once the guest was cut off."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bed import tools
from kills.casts import Outcome
from kills.scenarios import Scenario
from lastgasp.timeline.model import Boot
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.recordings import Told, around_ms, not_kept, of_report

NEAR_MS = 2_000
LEAKED_KB = 64  # one step of a leak; how far it had come when it was read, is left to the agent


def check(checks: Checks, ring: Path, scenario: Scenario, found: Outcome) -> None:
    """Every report whole, a sample shortly before it, the grower's mappings; and the laptop's answer from these."""
    told = Told(ring)
    boot = told.recording.boots[-1]
    reports = list(_reports(found.log))
    kills = scenario.cast.kills
    checks.check(bool(reports) == bool(kills), f"the kernel's log has {len(reports)} whole reports")
    for records in reports:
        missing = not_kept(boot, records)
        checks.check(
            not missing,
            f"the ring holds the OOM report byte for byte: {len(records) - len(missing)} of {len(records)} records",
        )
        before, after = around_ms(boot, int(records[-1].split(b",")[2]) // 1000)
        checks.check(
            before is not None and before <= NEAR_MS,
            f"last sample {before} ms before the kill, next one {after} ms after it",
        )
    if scenario.grower is not None:
        _grower(checks, boot, scenario, found)
    if scenario.tuned:
        _tuned(checks, boot, scenario)
    checks.check(not told.lost, f"nothing of the ring is lost or invalid: {', '.join(told.lost) or 'nothing'}")
    _guilty(checks, told, scenario)
    if kills:
        _explained(checks, ring, found)


def check_reset(checks: Checks, ring: Path, scenario: Scenario) -> None:
    """The boot that ended in a panic is one that nobody stopped, and the report names who filled the memory."""
    told = Told(ring)
    ends = [run["end"] for run in told.report["runs"]]
    checks.check(ends == ["unclean", "stopped"], f"the agent's runs, across the reset: {', '.join(ends)}")
    checks.check(not told.lost, f"nothing of the ring is lost or invalid: {', '.join(told.lost) or 'nothing'}")
    _guilty(checks, told, scenario)


def _guilty(checks: Checks, told: Told, scenario: Scenario) -> None:
    """The first sentence of `lastgasp report` names who is guilty, whoever was killed."""
    answer = told.report["answer"][0]
    checks.check(scenario.guilty in answer, f"the report names {scenario.guilty}: {answer}")


def _reports(log: list[bytes]) -> Iterator[list[bytes]]:
    """The records of each report that has its end."""
    while records := of_report(log):
        yield records
        log = log[log.index(records[-1]) + 1 :]


def _grower(checks: Checks, boot: Boot, scenario: Scenario, found: Outcome) -> None:
    """Its mappings, as they were read last."""
    index = next(n for n, actor in enumerate(scenario.cast.actors) if actor.name == scenario.grower)
    prefix = b"%d@" % found.pids[index]
    largest = 0, b"nothing"
    for key in boot.rows("mapping"):
        if key.startswith(prefix):
            largest = max(largest, (boot.latest("mapping", key, "anonymous") or 0, key.partition(b" ")[2]))
    checks.check(
        largest[0] >= LEAKED_KB,
        f"the grower's mappings are there; the largest is {largest[1].decode()} with {largest[0]} kB",
    )


def _tuned(checks: Checks, boot: Boot, scenario: Scenario) -> None:
    """What the agent changed, and put back."""
    name, adj = scenario.tuned.encode().split()
    changes = [
        (event.values["old"], event.values.get("new"))
        for event in boot.events
        if event.kind == "tune" and event.values["name"] == name
    ]
    words = ", ".join(f"{old.decode()} to {(new or b'nothing').decode()}" for old, new in changes)
    checks.check(changes == [(b"0", adj), (adj, b"0")], f"the changes of {name.decode()} are recorded: {words}")


def _explained(checks: Checks, ring: Path, found: Outcome) -> None:
    """`lastgasp oom` of the ring."""
    command = [sys.executable, str(parts.SCRIPTS / "lastgasp"), "oom", str(ring)]
    ring.with_suffix(".oom.txt").write_text(tools.run(command))
    reports: list[dict[str, Any]] = json.loads(tools.run([*command, "--json"]))["reports"]
    checks.check(len(reports) == found.reports, f"lastgasp oom tells of {len(reports)} reports")
    choice = reports[0]["choice"]
    checks.check(
        choice["agrees"] is not False or choice["cause"] == "vfork",
        f"its model's victim is {choice['model_pid']}, the kernel's {choice['kernel_pid']}: {choice['why']}",
    )
    checks.measured(f"its answer: {reports[0]['answer'][0]}")
