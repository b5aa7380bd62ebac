"""A leak up to a global OOM kill: on a fast disk, and on a slow one with and without locked memory."""

from dataclasses import dataclass
from typing import Any

from bed.errors import BedError
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import RING, Bench, Device, device
from rehearsals.recordings import LAST_LINE, Told, around_ms, longest_gap_ms, not_kept, of_report

LEAK_S = 40  # the leak takes what is available in this time
LEAK_TIMEOUT_S = 600
AFTER_S = 6
NEAR_MS = 3_000
SLOW_IOPS = 30
KILLED_STATUS = 137


@dataclass(frozen=True, slots=True)
class Ended:
    """What was learnt in the guest."""

    pid: int  # of the leaker
    log: list[bytes]
    status: dict[str, Any]


def rehearse(bench: Bench) -> int:
    """Everything about one OOM kill on a disk that keeps up. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} oom")
    ended, told = _leak(bench, "oom", {}, None, checks)
    boot = told.recording.boots[0]
    kill_ms = _kill_ms(ended.log)
    records = of_report(ended.log)
    missing = not_kept(boot, records)
    checks.check(
        bool(records) and not missing, f"OOM report in the ring, {len(records)} records, {len(missing)} missing"
    )
    victims = [(kill["victim"], kill["victim_pid"]) for kill in told.report["ooms"]]
    checks.check(victims == [("leakd", ended.pid)], f"the report tells of one kill: {victims}")
    answer = " ".join(told.report["answer"])
    checks.check(answer.startswith("leakd") and "leak" in answer, f"its answer: {answer}")
    before, after = around_ms(boot, kill_ms)
    checks.check(
        before is not None and after is not None and max(before, after) < NEAR_MS,
        f"samples {before} ms before and {after} ms after the kill",
    )
    checks.check(told.report["cost"]["agents"] > 0, "the agent's own cost is in the report")
    checks.check(not told.lost, f"nothing is lost or invalid: {', '.join(told.lost) or 'nothing'}")
    checks.check(told.recording.clean_stop, "the agent stopped cleanly")
    _figures(checks, ended, told, kill_ms)
    return checks.failed


def rehearse_locking(bench: Bench) -> int:
    """The same on a slow disk, with locked memory and without. Returns the number of failures."""
    gaps = {}
    failed = 0
    for lock in ("yes", "no"):
        checks = Checks(f"{bench.board.arch.name} lock_memory={lock} at {SLOW_IOPS} IOPS")
        ended, told = _leak(bench, f"lock-{lock}", {"lock_memory": lock}, SLOW_IOPS, checks)
        kill_ms = _kill_ms(ended.log)
        checks.check(
            not not_kept(told.recording.boots[0], of_report(ended.log)) and bool(of_report(ended.log)),
            "the whole OOM report is in the ring",
        )
        checks.check(not told.lost, f"nothing is lost or invalid: {', '.join(told.lost) or 'nothing'}")
        _figures(checks, ended, told, kill_ms)
        gaps[lock] = longest_gap_ms(told.recording.boots[0], kill_ms)
        failed += checks.failed
    checks = Checks(f"{bench.board.arch.name} lock_memory")
    checks.measured(f"longest gap {gaps['yes']} ms with locked memory, {gaps['no']} ms without")
    return failed


def _leak(bench: Bench, name: str, settings: dict[str, str], iops: int | None, checks: Checks) -> tuple[Ended, Told]:
    """Boot, record, leak until the kernel kills, stop, and read the ring."""
    disk = parts.fresh_disk(bench.file(f"{name}.ext4"), "16M")
    with device(bench.setup(name, disk, settings, iops=iops), bench.file(f"{name}.console")) as there:
        checks.measured(f"Linux {there.guest.check('uname -r').strip()}, up after {there.guest.boot_s:.1f} s")
        selftest = there.ask("selftest").splitlines()
        absent = [line.split()[1].rstrip(":") for line in selftest if line.startswith("absent")]
        expected = ["/dev/pmsg0", "/proc/config.gz"]
        checks.check(absent == expected, f"selftest: absent is {', '.join(absent) or 'nothing'}")
        there.start()
        there.ask('mark "before the leak"')
        pid = _run_leaker(there, checks)
        there.guest.check(f"sleep {AFTER_S}", timeout_s=LEAK_TIMEOUT_S)
        there.ask("flush", LEAK_TIMEOUT_S)
        status = there.status()
        log = there.kernel_log()
        there.stop()
        there.guest.power_off(60)
    told = Told(parts.take_file(disk, RING, bench.file(f"{name}.ring")))
    checks.check([mark["text"] for mark in told.marks()] == ["before the leak"], "the mark is in the recording")
    return Ended(pid, log, status), told


def _run_leaker(there: Device, checks: Checks) -> int:
    available_kb = int(there.guest.check("sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"))
    command = f"/opt/leakd {available_kb // LEAK_S} & echo $!; wait $!; echo $?"
    output = there.guest.check(command, LEAK_TIMEOUT_S).split()
    checks.check(output[-1] == str(KILLED_STATUS), f"the leaker was killed: exit status {output[-1]}")
    return int(output[0])


def _kill_ms(log: list[bytes]) -> int:
    """When the kernel killed, by its own clock."""
    records = of_report(log)
    if not records or LAST_LINE not in records[-1]:
        raise BedError("the kernel's log tells of no OOM kill")
    return int(records[-1].split(b",")[2]) // 1000


def _figures(checks: Checks, ended: Ended, told: Told, kill_ms: int) -> None:
    """Print what is measured."""
    boot, status = told.recording.boots[0], ended.status
    checks.measured(f"longest gap between samples across the OOM: {longest_gap_ms(boot, kill_ms)} ms")
    checks.measured(f"{status['samples']} samples in {status['running_s']} s, {status['missed_ticks']} ticks missed")
    checks.measured(f"agent: private dirty {status['private_dirty_kb']} kB, PSS {status['pss_kb']} kB")
    checks.measured(f"flash: {told.report['cost']['written_bytes']} bytes in {told.report['cost']['writes']} writes")
