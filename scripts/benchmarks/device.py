"""Our agent as it runs on a device: a bytecode tree, a configuration, a process, its control socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.children import ChildError, Children
from benchmarks.plan import Plan, Tree

BUILD = Path(__file__).parents[1] / "build-bytecode"
INSIDE = Path(__file__).parent / "inside"
FLAGS = ("-I", "-S", "-E")
START_S = 20
# What the defaults are in ms; ``faster`` divides all of them, so that what depends on time keeps its proportions.
DEFAULTS_MS = {
    "interval": 5_000,
    "pressure_interval": 1_000,
    "slow_interval": 60_000,
    "flush_interval": 900_000,
    "mapping_interval": 60_000,
}
LEAST_MS = {"slow_interval": 1000, "flush_interval": 1000, "mapping_interval": 1000}
# Compiles as build-bytecode does: what is not stripped of annotations would add to what is measured.
COMPILE = """\
import importlib.machinery, importlib.util, pathlib, sys
build, source, target = sys.argv[1:]
loader = importlib.machinery.SourceFileLoader("build_bytecode", build)
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("build_bytecode", loader))
loader.exec_module(module)
module.write_pyc(pathlib.Path(target), module.compile_stripped(pathlib.Path(source), "inside"))
"""


class BuildError(Exception):
    """The tree cannot be built with this interpreter; str() is its reason."""


def build(python: str, label: str, folder: str) -> Tree:
    """The tree that scripts/build-bytecode makes, and beside it what of ``inside`` is needed. Raises BuildError."""
    commands = [[sys.executable, str(BUILD), folder, "--python", python]]
    for source in sorted(INSIDE.glob("[a-z]*.py")):
        commands.append([python, "-I", "-B", "-c", COMPILE, str(BUILD), str(source), f"{folder}/{source.stem}.pyc"])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{label}: {(done.stderr.strip().splitlines() or ['it says nothing'])[-1]}")
    return Tree(label, python, folder)


def faster(factor: int) -> dict[str, str]:
    """The settings with which the agent runs ``factor`` times as fast as by default."""
    return {name: f"{max(value // factor, LEAST_MS.get(name, 100))}ms" for name, value in DEFAULTS_MS.items()}


@dataclass(frozen=True, slots=True)
class Device:
    """One agent that runs."""

    name: str
    tree: Tree
    pid: int
    ring: str
    socket: str

    def status(self) -> dict[str, Any]:
        """What it says of itself; costs it some memory and time. Raises ChildError."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(START_S)
                connection.connect(self.socket)
                connection.sendall(b"status json\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            status: dict[str, Any] = json.loads(answer)
        except (OSError, ValueError) as error:
            raise ChildError(f"agent {self.name} gives no status: {error}") from None
        return status


def write_config(folder: str, name: str, settings: dict[str, str]) -> str:
    """A configuration with a ring and a socket of its own; everything else is the default. Returns its path."""
    lines = {"ring_path": f"{folder}/{name}.ring", "control_socket": f"{folder}/{name}.sock"} | settings
    path = Path(folder, f"{name}.conf")
    path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    return str(path)


def start(
    children: Children,
    plan: Plan,
    tree: Tree,
    settings: dict[str, str],
    name: str = "",
    before: tuple[str, ...] = (),
    program: str = "lastgasp-agent.pyc",
) -> Device:
    """Start an agent and wait until it answers on its socket. ``before`` is a command to run it under."""
    name = name or f"agent-{tree.label}"
    config = write_config(plan.folder, name, settings)
    command = [*before, tree.python, *FLAGS, f"{tree.folder}/{program}", "run", "--config", config]
    process = children.start(name, command)
    device = Device(name, tree, process.pid, f"{plan.folder}/{name}.ring", f"{plan.folder}/{name}.sock")
    deadline = time.monotonic() + START_S
    while not Path(device.socket).exists():
        children.check()
        if time.monotonic() > deadline:
            raise ChildError(f"{name} opens no control socket within {START_S} s: {children.last_words(name)}")
        time.sleep(0.02)
    return device
