"""The others: where they are, how they are installed, how they are run.

They are Debian's packages, run as packaged but for what would change the machine: atop without process
accounting, nohang with thresholds at which it kills nobody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from benchmarks.children import PATH, Children
from benchmarks.plan import Plan, say

PACKAGES = {"atop": "atop", "nohang": "nohang", "strace": "strace"}
NOHANG_CONFIG = "/etc/nohang/nohang.conf"
# Keeps invoke-rc.d and deb-systemd-invoke from starting the services of what is installed.
POLICY = Path("/usr/sbin/policy-rc.d")


def find(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Paths of those that are there, and why the others are not; installs them where that is possible."""
    wanted = list(names)
    absent = [name for name in wanted if not shutil.which(name, path=PATH)]
    why = install([PACKAGES[name] for name in absent]) if absent else ""
    found = {name: path for name in wanted if (path := shutil.which(name, path=PATH))}
    missing = {name: f"{name} is missing: {why}" for name in wanted if name not in found}
    return found, missing


def install(packages: list[str]) -> str:
    """Install Debian packages, their services left alone. Returns why that failed, or an empty string."""
    apt = shutil.which("apt-get", path=PATH)
    if not apt or os.geteuid():
        return f"as root: apt-get install {' '.join(packages)}"
    say(f"installing {' '.join(packages)} (apt-get install), without starting any service")
    guard = not POLICY.exists()
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        if guard:
            POLICY.write_text("#!/bin/sh\nexit 101\n")
            POLICY.chmod(0o755)
        command = [apt, "install", "-y", "-qq", "--no-install-recommends", *packages]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    finally:
        if guard:
            POLICY.unlink(missing_ok=True)
    return "" if done.returncode == 0 else f"apt-get: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"


def start_atop(children: Children, plan: Plan, interval_s: int) -> tuple[int, str]:
    """``atop -w``; returns its pid and its file. An empty ATOPACCT: no process accounting (atop(1))."""
    path = f"{plan.folder}/atop.raw"
    process = children.start("atop", [plan.peers["atop"], "-w", path, str(interval_s)], {"ATOPACCT": ""})
    return process.pid, path


def start_nohang(children: Children, plan: Plan) -> int:
    """``nohang --monitor`` with Debian's configuration, its thresholds at nought; returns its pid."""
    lines = Path(NOHANG_CONFIG).read_text().splitlines()
    harmless = [f"{line.partition('=')[0]}= 0 %" if "_threshold_min_" in line else line for line in lines]
    config = Path(plan.folder, "nohang.conf")
    config.write_text("\n".join(harmless) + "\n")
    config.chmod(0o644)
    return children.start("nohang", [plan.peers["nohang"], "--monitor", "--config", str(config)]).pid
