"""A guest with the agent on it, and what is asked of the agent there."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bed.bench import Setup, booted
from bed.errors import BedError
from bed.guest import Guest
from bed.targets import Board, Kernel
from rehearsals import parts
from rehearsals.parts import AGENT

ROOT = "64M"
# Of 64 MB Debian's kernel leaves 45 on armhf, but 35 on arm64, where the agent's clients then do not always fit in.
MEM = {"armhf": "64M", "arm64": "80M"}
DISK = "16M"
RING = "/ring"  # on the disk that is mounted on /data
CONFIG = "/etc/lastgasp.conf"
START_S = 120
SETTINGS = {
    "ring_path": f"/data{RING}",
    "ring_size": "1M",
    "interval": "1s",
    "pressure_interval": "500ms",
    "slow_interval": "10s",
    "mapping_interval": "2s",
}
# What a maker of so small a device would turn off: it costs arm64 6 MB of 64.
SMALL = "cma=0 transparent_hugepage=never"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and with what to rehearse."""

    board: Board
    kernel: Kernel
    folder: Path  # for what is made
    agent: Path  # the bytecode tree, or a compiled program
    pmsg_kernel: Path | None = None  # a folder with boot/vmlinuz-VERSION
    programs: tuple[Path, ...] = ()  # compiled agents to compare

    def file(self, name: str) -> Path:
        """A file of this bench."""
        return self.folder / f"{self.board.arch.name}-{name}"

    def setup(self, name: str, data: Path | None, settings: dict[str, str], **changes: Any) -> Setup:
        """A small machine with the agent, the leaker and maybe a disk on /data. ``changes`` are those to the Setup."""
        config = self.file(f"{name}.conf")
        config.write_text("".join(f"{key} = {value}\n" for key, value in (SETTINGS | settings).items()))
        files = [
            *parts.agent_files(self.agent, self.folder),
            (config, CONFIG),
            (parts.build_leaker(self.folder, self.board.arch), "opt/leakd"),
        ]
        disk = str(data) if data else None
        setup = Setup(self.board, self.kernel, MEM[self.board.arch.name], ROOT, disk, files=files, append=SMALL)
        setup = replace(setup, **changes)
        return replace(setup, programs=[*setup.programs, *parts.agent_libraries(self.agent, self.board.arch)])


class Device:
    """A guest that is up; the agent is started in it and asked."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def ask(self, words: str, timeout_s: float = 120) -> str:
        """Run a command of the agent that has to succeed; return what it prints."""
        return self.guest.check(f"{AGENT} {words} --config {CONFIG}", timeout_s)

    def start(self) -> str:
        """Start the agent and wait until it answers; return what it said at its start."""
        self.guest.check(f"{AGENT} run --config {CONFIG} > /run/agent.log 2>&1 & echo $! > /run/agent.pid")
        deadline = time.monotonic() + START_S
        while self.guest.run("[ -S /run/lastgasp.sock ] && kill -0 $(cat /run/agent.pid)")[0]:
            if time.monotonic() > deadline:
                raise BedError(f"the agent does not start: {self.said()}")
            time.sleep(0.2)
        self.status()  # it answers, so its loop turns
        return self.said()

    def said(self) -> str:
        """What the agent wrote to its standard output and error."""
        return self.guest.check("cat /run/agent.log").strip()

    def status(self) -> dict[str, Any]:
        """What the agent says of itself."""
        answer: dict[str, Any] = json.loads(self.ask("status --json"))
        return answer

    def stop(self) -> None:
        """Have the agent stop cleanly."""
        self.guest.check(
            "read -r pid < /run/agent.pid; kill $pid; while kill -0 $pid 2>/dev/null; do usleep 50000; done"
        )

    def kernel_log(self) -> list[bytes]:
        """All records of /dev/kmsg, without the lines of their dictionaries."""
        self.guest.check("timeout 3 dd if=/dev/kmsg of=/run/kmsg bs=8192 2>/dev/null; true")
        return [line for line in self.guest.pull("/run/kmsg").splitlines() if not line.startswith(b" ")]


@contextmanager
def device(setup: Setup, console: Path) -> Iterator[Device]:
    """Boot; QEMU is ended with the block, at once where nothing switched the guest off before."""
    with open(console, "ab") as file, booted(setup, file) as guest:
        yield Device(guest)
