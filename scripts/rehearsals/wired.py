"""A guest with the agent on it and every wire that a recording can be pulled over, and the pulling itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bed import console, ssh
from bed.bench import Setup, booted
from bed.errors import BedError
from bed.guest import Guest
from bed.ssh import Door
from bed.wire import Counts, Wire
from lastgasp.ring.scan import Block, Scan, scan
from rehearsals import parts
from rehearsals.device import RING, Bench, Device
from rehearsals.parts import AGENT

MEM = "128M"
PROGRAMS = [*ssh.PROGRAMS, console.BASH]
BAUD = 115200
GIVE_UP_S = 300
KILLED_S = 20
HIDDEN = "/usr/bin/hidden-agent"


@dataclass(frozen=True, slots=True)
class Pulled:
    """One run of `lastgasp pull`."""

    target: str
    status: int | None  # None: it had to be ended
    seconds: float
    output: str
    errors: str
    counts: Counts  # on the serial wire
    recordings: list[Path]

    @property
    def last_words(self) -> str:
        """What it said last."""
        lines = (self.errors.strip() or self.output.strip() or "nothing").splitlines()
        return lines[-1][-300:]


@dataclass(slots=True)
class Wired:
    """It is up, and its agent records."""

    device: Device
    wire: Wire
    door: Door
    names: dict[str, str]
    """ssh, unix, tcp, pty: each as lastgasp takes it."""
    folder: Path
    count: int = 0

    @property
    def guest(self) -> Guest:
        """The guest."""
        return self.device.guest

    def password_file(self) -> Path:
        """Root's password, for --password-file."""
        path = self.folder / "password"
        path.write_text(console.PASSWORD + "\n")
        path.chmod(0o600)
        return path

    def start(self, name: str, *options: str, output: Path | None = None) -> Pulling:
        """Start `lastgasp pull` over a wire, into a folder of its own if none is given."""
        self.count += 1
        folder = output or self.folder / f"pulled-{self.count}"
        return Pulling(self, self.names[name], folder, options)

    def pull(self, name: str, *options: str, output: Path | None = None, timeout_s: float = GIVE_UP_S) -> Pulled:
        """Run `lastgasp pull` over a wire to its end."""
        return self.start(name, *options, output=output).end(timeout_s)

    def ring(self) -> Path:
        """The ring as it is on the device now."""
        path = self.folder / "there.ring"
        path.write_bytes(self.guest.pull(f"/data{RING}", GIVE_UP_S))
        return path

    def hide_agent(self) -> None:
        """As if the device had no lastgasp-agent; the one that runs goes on recording."""
        self.guest.check(f"mv {AGENT} {HIDDEN}")

    def show_agent(self) -> None:
        """Undo it."""
        self.guest.check(f"mv {HIDDEN} {AGENT}")


class Pulling:
    """A `lastgasp pull` that runs."""

    def __init__(self, wired: Wired, target: str, folder: Path, options: tuple[str, ...]) -> None:
        self.folder = folder
        self.target = target
        self._wire = wired.wire
        self._wire.take_counts()
        command = [sys.executable, str(parts.SCRIPTS / "lastgasp"), "pull", target, "-o", str(folder), *options]
        path = f"{wired.door.tools}{os.pathsep}{os.environ['PATH']}"
        self._started = time.monotonic()
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ | {"PATH": path},
        )

    def running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._child.poll() is None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def end(self, timeout_s: float) -> Pulled:
        """Wait for its end."""
        try:
            output, errors = self._child.communicate(timeout=timeout_s)
            status: int | None = self._child.returncode
        except subprocess.TimeoutExpired:
            self._child.terminate()
            try:
                output, errors = self._child.communicate(timeout=KILLED_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                output, errors = self._child.communicate()
            status = None
        seconds = time.monotonic() - self._started
        found = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and blocks_of(path)]
        return Pulled(self.target, status, seconds, output, errors, self._wire.take_counts(), found)


def setup_of(bench: Bench, name: str, settings: dict[str, str], **changes: Any) -> Setup:
    """A small machine with an agent, a network, a login, and its serial line left to others."""
    passwd = bench.file("passwd")
    passwd.write_bytes(console.PASSWD)
    disk = parts.fresh_disk(bench.file(f"{name}.ext4"), "16M")
    setup = bench.setup(name, disk, settings, mem=MEM, programs=PROGRAMS, apart=True)
    return replace(setup, files=[*setup.files, (passwd, "etc/passwd")], ssh_port=ssh.free_port(), **changes)


@contextmanager
def wired(bench: Bench, name: str, setup: Setup, state: Path | None = None, own: str = "") -> Iterator[Wired]:
    """Boot it (or let it go on from a saved state), start the agent, and lay the wires.

    ``own`` is "unix" or "pty": the serial line is QEMU's own one of this kind, with nothing in between. Such a line
    loses what nobody hears, and has no rate.
    """
    folder = bench.file(f"{name}-wires")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with ExitStack() as stack:
        said = stack.enter_context(open(bench.file(f"{name}.serial"), "wb"))
        shell = stack.enter_context(open(bench.file(f"{name}.console"), "wb"))
        wire = stack.enter_context(Wire(BAUD, said))
        socket_path = folder / "line"
        qemus = {"unix": f"unix:{socket_path},server=on,wait=off"}.get(own, own)
        guest = stack.enter_context(booted(setup, shell, qemus or wire.for_qemu, state))
        device = Device(guest)
        if state is None:
            device.start()
        if setup.ssh_port is None:
            raise BedError("a guest on wires wants an ssh_port")
        door = ssh.open_door(guest, setup.ssh_port, folder)
        if own:
            pty = re.search(r"redirected to (/dev/\S+)", guest.said_by_qemu())
            names = {"unix": f"unix:{socket_path}", "pty": pty[1] if pty else ""}
        else:
            names = {"unix": wire.as_unix(socket_path), "tcp": wire.as_tcp(), "pty": wire.as_pty()}
        yield Wired(device, wire, door, names | {"ssh": door.target}, folder)


def blocks_of(path: Path) -> dict[tuple[int, int], tuple[Block, bytes]]:
    """The last version of each block in a file, by its ring and number."""
    found: dict[tuple[int, int], tuple[Block, bytes]] = {}
    with open(path, "rb") as file:
        taken: Scan = scan(file)
        for block in taken.blocks:
            key = block.ring_id, block.number
            if key not in found or found[key][0].write_number < block.write_number:
                file.seek(block.offset)
                found[key] = block, file.read(block.size)
    return found


def differences(there: Path, pulled: Path) -> list[str]:
    """What a pulled recording lacks of a ring that was read before, or has otherwise. Newer versions are as good."""
    had, got = blocks_of(there), blocks_of(pulled)
    wrong = []
    for key, (block, data) in had.items():
        if key not in got:
            wrong.append(f"block {key[1]} is missing")
        elif got[key][0].write_number < block.write_number:
            wrong.append(f"block {key[1]} is of an older version")
        elif got[key][0].write_number == block.write_number and got[key][1] != data:
            wrong.append(f"block {key[1]} differs")
    return wrong
