"""Builds the programs, makes the namespaces in which the director runs, and brings the ring home.

Contract: whatever happens, no process, mount, control group or file is left behind but the ring that was asked for.
The programs see nobody else's processes (PID namespace), no network but their own loopback, no kernel log, and are
seen under neutral paths. What the machine as a whole does (meminfo, PSI, disks) is that of the machine. Needs root.
"""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from benchmarks import isolation
from benchmarks.children import PATH
from lastgasp.proc import files, mounts

REAL = Path(__file__).parent
SCRIPTS = REAL.parents[1]
AGENT = SCRIPTS.parent / "agent"
INSIDE = REAL / "inside"
UNSHARE = ("--pid", "--fork", "--mount-proc", "--kill-child", "--net", "--uts")
NEEDED = ("unshare", "gcc", "g++", "redis-server", "nginx", "sqlite3", "stress-ng", "perl", "python3")
PATIENCE_S = 60


class StageError(Exception):
    """It cannot be played here; str() is the line to show."""


def missing() -> str:
    """Why nothing can be recorded here; empty when it can."""
    if os.geteuid():
        return "needs root"
    absent = [name for name in NEEDED if not shutil.which(name, path=PATH)]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if mounts.memory_controller(mounts.parse(files.lines(b"/proc/self/mountinfo"))) is None:
        return "no memory control groups are mounted"
    return ""


def build(folder: Path) -> None:
    """Compile into folder/bin, and put the scripts there. Raises StageError."""
    programs = folder / "bin"
    programs.mkdir()
    library = str(programs / "libnotes.so.1")
    for command in (
        ["gcc", "-O1", "-o", str(programs / "grow"), str(INSIDE / "grow.c"), "-lm"],
        ["gcc", "-O1", "-pthread", "-o", str(programs / "holders"), str(INSIDE / "holders.c")],
        ["g++", "-O1", "-shared", "-fPIC", "-Wl,-soname,libnotes.so.1", "-o", library, str(INSIDE / "notes.cc")],
        ["g++", "-O1", "-o", str(programs / "server"), str(INSIDE / "server.cc"), library, "-Wl,-rpath,/srv/real/bin"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StageError(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    for name in ("leaky-api", "cached-api", "cycles-api"):
        shutil.copy(INSIDE / "daemon.py", programs / f"{name}.py")
    for name in ("load.py", "feed.py", "agent.py", "cache.pl"):
        shutil.copy(INSIDE / name, programs / name)


def record(what: str, seconds: float, target: Path, seed: int = 0) -> None:
    """Record one of ``cast.PLAYS`` for at most so long, into ``target`` (gzip). Raises StageError."""
    reason = missing()
    if reason:
        raise StageError(reason)
    found = mounts.memory_controller(mounts.parse(files.lines(b"/proc/self/mountinfo")))
    assert found is not None
    version, base = found[0], Path(os.fsdecode(found[1]), f"lastgasp-{what}")
    with tempfile.TemporaryDirectory(prefix="lastgasp-real-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's workers
        build(folder)
        command = [*_unshare(folder), "python3", "-B", "-m", "benchmarks.real.director"]
        command += [str(seconds), what, str(seed)]
        environment = {"PATH": PATH, "PYTHONPATH": f"{SCRIPTS}:{AGENT}", "LC_ALL": "C"}
        environment |= {"FOLDER": name, "AGENT": str(AGENT), "GROUPS_VERSION": str(version), "GROUPS_BASE": str(base)}
        try:
            _run(command, environment)
            ring = (folder / "ring").read_bytes()
        except OSError as error:
            said = "; ".join(path.read_text(errors="replace")[-200:] for path in sorted(folder.glob("*.out")))
            raise StageError(f"{error}: {said}") from None
        finally:
            _remove_groups(base)
    target.write_bytes(gzip.compress(ring, 9, mtime=0))


def _unshare(folder: Path) -> list[str]:
    return [shutil.which("unshare", path=PATH) or "unshare", *UNSHARE, *isolation.hidden(str(folder))]


def _run(command: list[str], environment: dict[str, str]) -> None:
    """The director, until it ends. Raises StageError."""
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            status = process.wait()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
    if status:
        raise StageError(f"the director ended with status {status}")


def _remove_groups(base: Path) -> None:
    for path in (*sorted(base.glob("*/")), base):
        try:
            path.rmdir()
        except OSError:
            continue
