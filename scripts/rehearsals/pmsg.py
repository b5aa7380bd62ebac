"""Resets that leave the RAM as it is: what was not on flash yet comes back from ramoops.

QEMU keeps the guest's RAM over a reset and loads kernel and initramfs again, as a boot loader would.
"""

from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import RING, Bench, Device, device
from rehearsals.recordings import Told

# The last megabyte of the 128 of QEMU's virt board, which begin at 1 GB, is not the kernel's to manage.
MEM = "128M"
RAMOOPS = {"mem_address": "0x47f00000", "mem_size": "0x100000", "record_size": "0x20000", "pmsg_size": "0x40000"}
APPEND = "mem=127M " + " ".join(f"ramoops.{name}={value}" for name, value in RAMOOPS.items())
SETTINGS = {"pmsg": "yes", "flush_interval": "1h", "ring_size": "128k", "flash_budget": "0", "interval": "500ms"}
PSTORE = "/sys/fs/pstore"
# A machine that hangs, and one that panics: panic=-1 resets it at once.
RESETS = (("reset", "echo b > /proc/sysrq-trigger"), ("panic", "echo c > /proc/sysrq-trigger"))


def rehearse(bench: Bench) -> int:
    """Reset the machine twice while marks are in memory only. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} pmsg")
    if bench.pmsg_kernel is None:
        checks.measured("left out: Debian's kernels have no CONFIG_PSTORE_PMSG; give one that has with --pmsg-kernel")
        return checks.failed
    disk = parts.fresh_disk(bench.file("pmsg.ext4"), "16M")
    setup = bench.setup("pmsg", disk, SETTINGS, mem=MEM, append=APPEND, own_kernel=bench.pmsg_kernel, may_reset=True)
    with device(setup, bench.file("pmsg.console")) as there:
        checks.measured(f"Linux {there.guest.check('uname -r').strip()}, built with CONFIG_PSTORE_PMSG")
        there.start()
        there.ask("flush")
        for number, (how, command) in enumerate(RESETS, 1):
            _one(checks, bench, there, number, how, command)
        there.stop()
        there.guest.power_off()
    told = Told(parts.take_file(disk, RING, bench.file("pmsg.ring")))
    texts = [(mark["text"], mark["at"]["boot"]) for mark in told.marks()]
    checks.check(
        texts == [(_mark(how), number) for number, (how, _) in enumerate(RESETS, 1)],
        f"the report has the marks, each in its boot: {texts}",
    )
    recovered = [boot.recovered for boot in told.recording.boots]
    checks.check(recovered[-1] == 0 and all(recovered[:-1]), f"blocks flagged recovered in each boot: {recovered}")
    checks.check(not told.lost, f"nothing is lost or invalid: {', '.join(told.lost) or 'nothing'}")
    return checks.failed


def _mark(how: str) -> str:
    return f"before the {how}"


def _one(checks: Checks, bench: Bench, there: Device, number: int, how: str, command: str) -> None:
    """Write a mark that does not reach flash, reset, show that it is not there, and start the agent again."""
    there.ask(f'mark "{_mark(how)}"')
    there.guest.check("sleep 3")
    status = there.status()
    there.guest.check("sleep 1")
    unflushed = status["unflushed_bytes"]
    absent = [line for line in status["absent"] if "pmsg" in line]
    checks.check(unflushed > 0 and not absent, f"before the {how}: {unflushed} bytes are in memory and in /dev/pmsg0")
    there.guest.reset(command)
    there.guest.check(f"mount -t pstore pstore {PSTORE}")
    files = there.guest.check(f"cd {PSTORE} && wc -c pmsg-*").split()
    checks.check(len(files) >= 2, f"after the {how}: ramoops has kept {files[1]}, {files[0]} bytes")
    ring = bench.file(f"pmsg-{number}.ring")
    ring.write_bytes(there.guest.pull(f"/data{RING}"))
    on_flash = [mark["text"] for mark in Told(ring).marks()]
    checks.check(_mark(how) not in on_flash, f"on flash are the marks {on_flash}")
    said = there.start()
    checks.check("recovered from persistent RAM" in said, f"the agent says: {said}")
