"""Runs in namespaces of its own (see ``stage``): the agent first, then the programs, after some time all are ended.

    python3 -m benchmarks.real.director SECONDS shapes|sound|kills SEED

What tells of this machine is in the environment, which nobody records: FOLDER becomes HOME, AGENT is the folder with
the package lastgasp, GROUPS_BASE the memory group (of GROUPS_VERSION) that is made for all. With kills, it ends once
the last program with a limit is dead, or after SECONDS. The ring is FOLDER/ring.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.children import Children
from benchmarks.real import cast
from benchmarks.real.cast import HOME, PYTHON, Part, Play

HOST = "lastgasp-real"
SETTINGS = {
    "ring_path": f"{HOME}/ring",
    "control_socket": f"{HOME}/agent.socket",
    "pmsg": "no",
    "lock_memory": "no",
    "oom_score_adj": "keep",
    "alert_syslog": "no",
    "kernel_log_level": "off",
}
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
NICE = 10
AFTER_S = 6  # that are recorded behind the last kill


class Groups:
    """Memory control groups below one that is made for them, of either version."""

    def __init__(self, version: int, base: Path) -> None:
        self.version = version
        self.base = base
        self.base.mkdir(exist_ok=True)
        if version == 2:
            (self.base / "cgroup.subtree_control").write_text("+memory")

    def make(self, name: str, limit: int | None) -> Path:
        """One of them."""
        path = self.base / name
        path.mkdir(exist_ok=True)
        if limit is not None:
            (path / ("memory.max" if self.version == 2 else "memory.limit_in_bytes")).write_text(str(limit))
            with contextlib.suppress(OSError):  # no accounting of swap
                if self.version == 2:
                    (path / "memory.swap.max").write_text("0")
                else:
                    (path / "memory.memsw.limit_in_bytes").write_text(str(limit))
        return path

    @staticmethod
    def enter(path: Path) -> None:
        """This process, and whom it starts from now on."""
        (path / "cgroup.procs").write_text("0")


def furnish(folder: str) -> None:
    """The file system and the network that the programs see."""
    mount("-t", "tmpfs", "none", str(Path(HOME).parent))
    Path(HOME).mkdir()
    mount("--bind", folder, HOME)
    for name in ("tmp", "data", "pages"):
        Path(HOME, name).mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "size=64M", "none", f"{HOME}/tmp")
    Path(HOME, "nginx.conf").write_text(cast.NGINX)
    for number in range(1, 9):
        Path(HOME, "pages", f"page{number}.html").write_text(f"<p>page {number}</p>\n" * 40 * number)
    socket.sethostname(HOST)
    with socket.socket() as any_socket:
        request = bytearray(struct.pack("16sH14x", b"lo", 0))
        fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        flags = struct.unpack_from("H", request, 16)[0]
        struct.pack_into("H", request, 16, flags | IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def mount(*words: str) -> None:
    """mount(8)."""
    subprocess.run(["mount", *words], check=True)


def start_agent(children: Children, agent: str, settings: dict[str, str]) -> list[str]:
    """Start recording; returns the command that asks it something."""
    mount_point = Path(HOME, "agent")
    mount_point.mkdir(exist_ok=True)
    mount("--bind", agent, str(mount_point))
    config = Path(HOME, "agent.conf")
    config.write_text("".join(f"{key} = {value}\n" for key, value in (SETTINGS | settings).items()))
    command = [PYTHON, "-I", "-B", f"{cast.BIN}/agent.py", str(mount_point)]
    children.start("agent", [*command, "run", "--config", str(config)])
    while not Path(HOME, "agent.socket").exists():
        children.check()
        time.sleep(0.05)
    return command


def start(children: Children, groups: Groups, part: Part) -> subprocess.Popen[bytes]:
    """Start one program in its group."""
    program = part.command[0]
    if part.source.startswith("/"):
        shutil.copy(part.source, program)
    elif part.source:
        shutil.copy(f"{cast.BIN}/{part.source}", program)
    path = groups.make(part.group or part.label, part.limit)
    groups.enter(path)
    try:
        return children.start(part.label, part.command)
    finally:
        groups.enter(groups.base / "director")


def run(folder: str, agent: str, seconds: float, play: Play, groups: Groups) -> None:
    """All of it."""
    furnish(folder)
    groups.make("director", None)
    groups.enter(groups.base / "director")
    with Children(HOME) as children:
        asking = start_agent(children, agent, play.settings)
        time.sleep(3)
        os.nice(NICE)
        doomed = {}
        for part in play.parts:
            process = start(children, groups, part)
            if part.limit is not None:
                doomed[part.label] = process
            time.sleep(0.3)
        mark = "all programs run"
        subprocess.run([*asking, "mark", mark, "--config", f"{HOME}/agent.conf"], check=False)
        print(f"director: {time.strftime('%H:%M:%S')} {mark}", flush=True)
        wait(children, seconds, doomed)
    for path in sorted(groups.base.glob("*/")):
        if path.name != "director":
            with contextlib.suppress(OSError):
                path.rmdir()


def wait(children: Children, seconds: float, doomed: dict[str, subprocess.Popen[bytes]]) -> None:
    """Until the time is over, or all who have a limit are dead. Raises ChildError when one ended that should not."""
    end = time.monotonic() + seconds
    left = dict(doomed)
    while time.monotonic() < end and (left or not doomed):
        time.sleep(1)
        if not doomed:
            children.check()
        for label in [label for label, process in left.items() if process.poll() is not None]:
            print(f"director: {time.strftime('%H:%M:%S')} {label} ended with {left.pop(label).returncode}", flush=True)
    if doomed:
        time.sleep(AFTER_S)


def main(words: list[str]) -> int:
    """Do what the command line says."""
    seconds, what, seed = words
    groups = Groups(int(os.environ["GROUPS_VERSION"]), Path(os.environ["GROUPS_BASE"]))
    run(os.environ["FOLDER"], os.environ["AGENT"], float(seconds), cast.play(what, int(seed)), groups)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
