"""What the agent takes on a device, one build of it beside the other, and beside atop and earlyoom of the same Debian.

All run at once in one guest that has its root on a disk: on an initramfs the pages of programs would count as their
own memory. The guest's clock goes by the instructions that it executes (2 ns each) and passes over the time in which
there is nothing to do: so processor times repeat, and a thousand seconds take minutes.

Measured: private dirty and resident memory after 1,000 samples of 1 s with 60 daemons, all intervals of the agent a
fifth of the defaults; processor time a sample, as the kernel's scheduler counts it; and how long it takes from an
agent's start, with nothing of it in the page cache, until its first sample is in the ring on the disk.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from pathlib import Path

from bed.bench import Setup
from bed.guest import Guest
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import SETTINGS, Bench, device

SAMPLES = 1_000
WARM_UP = 100  # samples before processor time is counted
DAEMONS = 60
READINGS = 9
READING_EVERY_S = 3.3  # out of step with the samples
START_TRIES = 3
PEERS = {
    "atop": ("/usr/bin/atop", "/usr/bin/atop -w /data/atop.log 1"),
    "earlyoom": ("/usr/bin/earlyoom", "/usr/bin/earlyoom -r 0"),
}
# A fifth of the defaults; without a clean-up of its own at the end, so that what is read is what a device has.
PACE = {
    "ring_size": "1M",
    "interval": "1s",
    "pressure_interval": "200ms",
    "slow_interval": "12s",
    "flush_interval": "3m",
    "mapping_interval": "12s",
}
# Each sample goes to the disk at once.
AT_ONCE = {"pressure_available": "100%", "flash_budget": "1G"}
TIMEOUT_S = 3_600


@dataclass(frozen=True, slots=True)
class Variant:
    """One build of the agent in the guest."""

    name: str
    program: str
    """The path of what starts it."""

    @property
    def config(self) -> str:
        """Its own configuration."""
        return f"/etc/{self.name}.conf"

    @property
    def ring(self) -> str:
        """Its own ring."""
        return f"/data/{self.name}.ring"

    def command(self, words: str) -> str:
        """The command line of one of its commands."""
        return f"{self.program} {words} --config {self.config}"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process takes at one moment."""

    rss_kb: int
    private_dirty_kb: int
    processor_ns: int


def rehearse(bench: Bench) -> int:
    """Measure all builds that the bench has. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} footprint")
    agents = {"bytecode": parts.build_agent(bench.folder)} | {path.stem: path for path in bench.programs}
    disk = parts.fresh_disk(bench.file("footprint.ext4"), "32M")
    setup, variants = _setup(bench, disk, agents)
    with device(setup, bench.file("footprint.console")) as there:
        guest = there.guest
        for variant in variants:
            _start_cold(guest, variant, checks)
        _crowd(guest)
        pids = {variant.name: _background(guest, variant.command("run")) for variant in variants}
        pids |= {name: _background(guest, command) for name, (_, command) in PEERS.items()}
        guest.check(f"sleep {WARM_UP}", TIMEOUT_S)
        first = {name: _taken(guest, pid) for name, pid in pids.items()}
        guest.check(f"sleep {SAMPLES - WARM_UP}", TIMEOUT_S)
        last = {name: _taken(guest, pid) for name, pid in pids.items()}
        readings: dict[str, list[Taken]] = {name: [] for name in pids}
        for _ in range(READINGS):
            guest.check(f"sleep {READING_EVERY_S}", TIMEOUT_S)
            for name, pid in pids.items():
                readings[name].append(_taken(guest, pid))
        for variant in variants:
            status = guest.check(variant.command("status"), TIMEOUT_S)
            checks.check("samples" in status, f"{variant.name} answers at last: {' '.join(status.split())[:120]}")
        for name in pids:
            rss = statistics.median(one.rss_kb for one in readings[name])
            dirty = statistics.median(one.private_dirty_kb for one in readings[name])
            per_sample_ms = (last[name].processor_ns - first[name].processor_ns) / 1e6 / (SAMPLES - WARM_UP)
            checks.measured(
                f"{name}: private dirty {dirty:.0f} kB, Rss {rss:.0f} kB, {per_sample_ms:.2f} ms of processor a sample"
            )
        guest.power_off(60)
    return checks.failed


def _setup(bench: Bench, disk: Path, agents: dict[str, Path]) -> tuple[Setup, list[Variant]]:
    """A guest with all builds, their configurations, the peers and the daemons."""
    bare = bench.setup("footprint", disk, {})
    files = list(bare.files)
    programs = [*bare.programs, *((name, path.lstrip("/")) for name, (path, _) in PEERS.items())]
    variants = []
    for name, agent in agents.items():
        variant = Variant(name, parts.AGENT if agent.is_dir() else f"/opt/{name}")
        settings = SETTINGS | PACE | {"ring_path": variant.ring, "control_socket": f"/run/{name}.sock"}
        for suffix, more in (("", {}), (".once", AT_ONCE)):
            config = bench.file(f"footprint-{name}{suffix}.conf")
            config.write_text("".join(f"{key} = {value}\n" for key, value in (settings | more).items()))
            files.append((config, variant.config + suffix))
        if agent.is_dir():
            files += parts.agent_files(agent, bench.folder)
        else:
            files.append((agent, variant.program))
            programs += parts.agent_libraries(agent, bench.board.arch)
        variants.append(variant)
    for source in ("crew", "firstblock"):
        program = parts.build_program(bench.folder, bench.board.arch, parts.INSIDE / f"{source}.c")
        files.append((program, f"opt/{source}"))
    files = list(dict.fromkeys(files))
    return replace(bare, mem="128M", root="96M", files=files, programs=programs, hurried=True), variants


def _start_cold(guest: Guest, variant: Variant, checks: Checks) -> None:
    """From the start to the first block on the disk, the page cache empty before it."""
    took = []
    for _ in range(START_TRIES):
        command = f"/opt/firstblock {variant.ring} {variant.program} run --config {variant.config}.once"
        guest.check("sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1", TIMEOUT_S)
        took.append([float(word) for word in guest.check(command, TIMEOUT_S).split()[-2:]])
    wall_ms, processor_us = (statistics.median(column) for column in zip(*took, strict=True))
    checks.measured(
        f"{variant.name}: {wall_ms:.0f} ms from its start to the first sample on disk, {processor_us / 1e3:.0f} ms of "
        "processor"
    )
    guest.check(f"rm -f {variant.ring}")


def _crowd(guest: Guest) -> None:
    """Daemons of 200 to 800 kB that do a little every 2 to 7 s."""
    guest.check(
        f"n=0; while [ $n -lt {DAEMONS} ]; do"
        " /opt/crew daemon-$n $((200 + n * 10)) 50 $((2000 + n * 80)) 0 & n=$((n + 1)); done"
    )


def _background(guest: Guest, command: str) -> int:
    return int(guest.check(f"{command} > /run/{command.split(maxsplit=1)[0].rpartition('/')[2]}.log 2>&1 & echo $!"))


def _taken(guest: Guest, pid: int) -> Taken:
    text = guest.check(f"cat /proc/{pid}/smaps_rollup; echo Ran: $(cut -d ' ' -f 1 /proc/{pid}/schedstat)", TIMEOUT_S)
    found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("0"))
    return Taken(int(found["Rss"].split()[0]), int(found["Private_Dirty"].split()[0]), int(found["Ran"].split()[0]))
