"""Where and when it was measured: enough to compare runs, nothing that tells whose machine it is."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from benchmarks.plan import Tree


def facts(trees: tuple[Tree, ...], began: float, quick: bool) -> list[tuple[str, str]]:
    """Pairs for below the table. ``began`` is ``time.time()`` at the start."""
    length = round(time.time() - began)
    one, five, _ = os.getloadavg()
    run = f"quick run, good for trying only, {length} s" if quick else f"full run, {length} s"
    return [
        ("date", f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime(began))} UTC, {run}"),
        ("machine", f"{os.cpu_count()} cores, {processor()}, {memory()}, load {one:.1f} (1 min) {five:.1f} (5 min)"),
        ("kernel", f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}"),
        *[(f"Python {tree.label}", interpreter(tree.python)) for tree in trees],
    ]


def processor() -> str:
    """The CPU's model, as far as the kernel knows it."""
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware", "cpu model") and value.strip():
            return value.strip()
    return platform.machine()


def memory() -> str:
    """RAM."""
    kb = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{kb / 1e6:.1f} GB RAM"


def interpreter(python: str) -> str:
    """What ``python`` is: its version, its compiler, and whether it is one program or uses a shared libpython."""
    ask = (
        "import platform; shared = 'libpython' in open('/proc/self/maps').read(); "
        "print(platform.python_version(), platform.python_compiler(), "
        "'shared libpython' if shared else 'libpython in the program', sep=', ')"
    )
    done = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "does not say"
