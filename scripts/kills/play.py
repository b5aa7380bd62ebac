"""One scenario, from boot to verdict.

With the agent: the root and the agent's data are on ext4 disks, and QEMU is cut off hard CUT_S after the kill. Then
the ring is taken out of the disk's image. Where the ring is on UBIFS, its chip is the guest's memory and goes with it:
there the agent is killed instead, the file system is mounted anew, and the ring comes over the serial line.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from bed.bench import Setup, booted
from bed.guest import Guest
from kills import judge, record, stage
from kills.casts import Outcome, outcome
from kills.judge import Kill
from kills.scenarios import Scenario
from lastgasp.analysis.oom.cause import Case, cause
from lastgasp.oom.choice import Cause
from lastgasp.oom.parser import parse
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import RING, Bench, Device, device
from rehearsals.media import MEDIA, MODULES, PROGRAMS

MEM = "128M"
UBIFS_MEM = "256M"  # the simulated chip is memory
DISK = "16M"
CUT_S = 5
PSTORE = "/sys/fs/pstore"
E2FSCK_BAD = 4
# Under emulation a reading takes longer than on any device, and one that is cut short tells nothing of where it leaks.
SETTINGS = {"mapping_budget": "300ms"}
UBIFS = next(medium for medium in MEDIA if medium.name == "UBIFS")


def scenario(bench: Bench, wanted: Scenario) -> int:
    """Play it and check all that has to come of it. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} {bench.kernel.name} {wanted.name}")
    name = f"{bench.kernel.name}-{wanted.name}"
    if wanted.panics:
        _panic(bench, wanted, name, checks)
    elif wanted.ubifs:
        _on_ubifs(bench, wanted, name, checks)
    elif wanted.agent:
        _recorded(bench, wanted, name, checks)
    else:
        with open(bench.file(f"{name}.console"), "ab") as console, booted(_plain(bench, wanted), console) as guest:
            guest.check(wanted.before)
            stage.play(guest, wanted.cast)
            found = _keep(bench, name, guest)
            guest.power_off()
        _judge(checks, wanted, found)
    return checks.failed


def _plain(bench: Bench, wanted: Scenario) -> Setup:
    """A guest without the agent, its root in memory."""
    return Setup(
        bench.board,
        bench.kernel,
        MEM,
        files=stage.programs(bench.folder, bench.board.arch),
        modules=list(wanted.modules),
        append=wanted.append,
    )


def _with_agent(bench: Bench, wanted: Scenario, name: str, data: Path | None, ring: str) -> Setup:
    settings = SETTINGS | dict(wanted.settings) | {"ring_path": ring} | ({"tune": wanted.tuned} if wanted.tuned else {})
    setup = bench.setup(name, data, settings, mem=MEM, modules=list(wanted.modules), append=wanted.append, counted=True)
    setup.files.extend(stage.programs(bench.folder, bench.board.arch))
    return setup


def _keep(bench: Bench, name: str, guest: Guest) -> Outcome:
    """What came of it, also as a file."""
    data = guest.pull(stage.RESULT)
    bench.file(f"{name}.cast").write_bytes(data)
    return outcome(data)


def _recorded(bench: Bench, wanted: Scenario, name: str, checks: Checks) -> None:
    """Play it before the agent's eyes, cut the guest off, and read the ring out of the disk's image."""
    disk = parts.fresh_disk(bench.file(f"{name}.ext4"), DISK)
    with device(_with_agent(bench, wanted, name, disk, f"/data{RING}"), bench.file(f"{name}.console")) as there:
        there.guest.check(wanted.before)
        there.start()
        if wanted.tuned:
            _tuned(there, wanted, checks)
        else:
            stage.play(there.guest, wanted.cast)
        over = time.monotonic()
        found = _keep(bench, name, there.guest)
        if not wanted.cast.kills:
            there.ask("flush")  # nothing was short enough for the agent to write at once
        time.sleep(max(0.0, over + CUT_S - time.monotonic()))
        there.guest.close()
        checks.measured(f"cut off {time.monotonic() - over:.1f} s after the last kill was seen")
    _judge(checks, wanted, found)
    status, words = parts.check_disk(disk)
    checks.check(status < E2FSCK_BAD, f"e2fsck after the cut: exit status {status}, {words}")
    record.check(checks, parts.take_file(disk, RING, bench.file(f"{name}.ring")), wanted, found)


def _on_ubifs(bench: Bench, wanted: Scenario, name: str, checks: Checks) -> None:
    setup = bench.setup(
        name, None, SETTINGS | {"ring_path": UBIFS.ring}, mem=UBIFS_MEM, modules=MODULES, programs=PROGRAMS
    )
    setup.files.extend(stage.programs(bench.folder, bench.board.arch))
    ring = bench.file(f"{name}.ring")
    with device(setup, bench.file(f"{name}.console")) as there:
        there.guest.check(f"{UBIFS.find}\n{UBIFS.mount}")
        there.start()
        stage.play(there.guest, wanted.cast)
        found = _keep(bench, name, there.guest)
        there.guest.check(f"sleep {CUT_S}; kill -9 $(cat /run/agent.pid); sleep 1\n{UBIFS.unmount}\n{UBIFS.mount}")
        ring.write_bytes(there.guest.pull(UBIFS.ring))
        there.guest.power_off()
    _judge(checks, wanted, found)
    record.check(checks, ring, wanted, found)


def _tuned(there: Device, wanted: Scenario, checks: Checks) -> None:
    """Have the agent apply its policy, let the kill come, and have it put the old values back."""
    name, adj = wanted.tuned.split()
    guest = there.guest
    stage.write(guest, wanted.cast)
    comms = f"grep -l -x {name} /proc/[0-9]*/comm"
    adj_of = f"cat $(dirname $({comms}))/oom_score_adj"
    # Stopped, so that it is the command that applies the policy, and not the agent's next look.
    guest.check("kill -STOP $(cat /run/agent.pid)")
    guest.check(f"{stage.PROGRAM} {stage.SCRIPT} {stage.RESULT} > /run/cast.log 2>&1 &")
    guest.check(f"until {comms}; do usleep 50000; done; sleep 2")
    before = guest.check(adj_of).strip()
    dry = there.ask("tune --dry-run")
    checks.check(f"{before} -> {adj}" in dry, f"{name} has {before}; tune --dry-run would give it {adj}")
    guest.check("kill -CONT $(cat /run/agent.pid)")
    there.ask("tune --apply")
    after = guest.check(adj_of).strip()
    checks.check((before, after) == ("0", adj), f"applied: its oom_score_adj is {after}")
    guest.check(f"touch {stage.GO}; until [ -e {stage.OVER} ]; do usleep 50000; done", wanted.cast.wait_s + 60)
    told = there.ask("tune --revert")
    back = guest.check(adj_of).strip()
    checks.check(back == before, f"reverted: {' '.join(told.split())}; it is {back}")
    guest.check(f"touch {stage.END}; until [ -s {stage.RESULT} ]; do usleep 50000; done; sleep 1")


def _panic(bench: Bench, wanted: Scenario, name: str, checks: Checks) -> None:
    """The guest panics, resets, and finds the report in RAM that was left alone; the agent goes on with its ring."""
    disk = parts.fresh_disk(bench.file(f"{name}.ext4"), DISK)
    setup = replace(_with_agent(bench, wanted, name, disk, f"/data{RING}"), may_reset=True)
    with device(setup, bench.file(f"{name}.console")) as there:
        guest = there.guest
        guest.check(wanted.before)
        there.start()
        stage.write(guest, wanted.cast)
        guest.reset(f"exec {stage.PROGRAM} {stage.SCRIPT} {stage.RESULT}")
        guest.check(f"{wanted.before}; mount -t pstore pstore {PSTORE}")
        kept = guest.pull(f"{PSTORE}/dmesg-ramoops-0")
        there.start()
        there.stop()
        guest.power_off()
    record.check_reset(checks, parts.take_file(disk, RING, bench.file(f"{name}.ring")), wanted)
    bench.file(f"{name}.pstore").write_bytes(kept)
    reports = list(parse(kept.splitlines(keepends=True)))
    checks.check(len(reports) == 1, f"{len(reports)} report in {len(kept)} bytes of ramoops")
    report = reports[0]
    checks.check(report.panic is not None and bool(report.tasks), f"with its table, and the panic: {report.panic!r}")
    checks.check(not report.unknown, f"{report.recognised} of {report.lines} lines understood")
    checks.check(not report.victims, "nobody was killed")


def _judge(checks: Checks, wanted: Scenario, found: Outcome) -> None:
    """What the kernel did, against what it should have done and what the model says."""
    kills = judge.kills(wanted.cast, found)
    for text in found.said:
        checks.measured(f"in the guest: {text.decode(errors='replace')}")
    names = {pid: actor.name for pid, actor in zip(found.pids, wanted.cast.actors, strict=True)}
    victims = [kill for kill in kills if kill.victim is not None]
    killed = tuple(names.get(kill.victim or 0, b"another") for kill in victims)
    words = ", ".join(name.decode() for name in killed) or "nobody"
    if wanted.victims is None:
        checks.check(bool(killed), f"the kernel killed {words}")
    else:
        checks.check(killed[: len(wanted.victims) or 1] == wanted.victims, f"the kernel killed {words}")
    if not victims:
        _refused(checks, found)
    for kill in victims:
        _one(checks, kill)
    if wanted.case is not None and victims:
        case = cause(victims[0].report, victims[0].choice).case
        checks.check(case == Case[wanted.case], f"why memory ran out: {case.value}")


def _one(checks: Checks, kill: Kill) -> None:
    for line in kill.report.unknown:
        checks.measured(f"a line of the report that is not understood: {line!r}")
    text = f"the report names {kill.predicted}, /proc before it {kill.expected}; killed was {kill.victim}"
    if kill.has_table:
        explained = kill.right or kill.choice.cause == Cause.VFORK
        checks.check(explained and not kill.doubt, f"{text}: {kill.why()}")
    else:
        checks.measured(f"{text}: {kill.why()}")


def _refused(checks: Checks, found: Outcome) -> None:
    """Nobody was killed: then the actors were refused memory."""
    refused = [text for text in found.said if b"Cannot allocate memory" in text]
    checks.check(bool(refused), "malloc failed, and nobody was killed")
