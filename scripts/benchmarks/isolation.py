"""Starts a measurement in a process of its own, where it can in a PID namespace of its own, and ends it whole.

The kernel log has no namespaces: an OOM kill of anybody on the machine is one on the agent's device. A *quiet*
measurement has a socket in the place of /dev/kmsg, which cannot be opened, so that the agent takes it as absent.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.children import PATH, die_with_parent
from benchmarks.plan import Plan

SCRIPTS = Path(__file__).parents[1]
UNSHARE = ("--pid", "--fork", "--mount-proc", "--kill-child")
HIDE = ("sh", "-c", 'mount --bind "$0" /dev/kmsg; exec "$@"')
PATIENCE_S = 15


@functools.cache
def unshare() -> tuple[str, ...]:
    """The command to put before another to run it in a PID namespace of its own; empty where that is not allowed."""
    program = shutil.which("unshare", path=PATH)
    if not program:
        return ()
    command = (program, *UNSHARE)
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else ()


def hidden(folder: str) -> tuple[str, ...]:
    """The command to put before another, within a mount namespace, so that it finds no kernel log."""
    path = f"{folder}/no-kmsg"
    if not os.path.exists(path):
        with socket.socket(socket.AF_UNIX) as placeholder:
            placeholder.bind(path)
    return (*HIDE, path)


def run(name: str, plan: Plan, isolated: bool, quiet: bool) -> dict[str, Any]:
    """The result of ``benchmarks.one`` for this measurement; ``quiet`` needs ``isolated``."""
    before = unshare() if isolated else ()
    if before and quiet:
        before += hidden(plan.folder)
    text = json.dumps(asdict(replace(plan, isolated=bool(before))))
    command = [*before, sys.executable, "-m", "benchmarks.one", name]
    environment = os.environ | {"PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parent / 'agent'}", "PYTHONDONTWRITEBYTECODE": "1"}
    with session(command, environment) as process:
        output, _ = process.communicate(text.encode())
    if process.returncode:
        return {"failed": f"ended with status {process.returncode}"}
    result: dict[str, Any] = json.loads(output)
    return result


@contextmanager
def session(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session, so that Ctrl-C reaches it through us only, in order and once.

    However this is left, the whole group has been asked to end, then made to.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
