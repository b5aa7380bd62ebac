"""A small device on this machine: a read-only root of its own with busybox init as process 1, nothing emulated.

Mount and PID namespaces (unshare), a tmpfs on /run and one on /dev, the host's /usr for Python, and /dev/kmsg as a
file that keeps what was written to it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
START_FILES = CHECKOUT / "agent/service"
SETTINGS = """\
ring_path = /data/ring
ring_size = 256k
interval = 200ms
pressure_interval = 200ms
control_socket = /run/lastgasp.sock
oom_score_adj = keep
lock_memory = no
"""
MOUNTS = """\
set -e
cd {root}
mount --bind . .
cd {root}
mount --rbind /usr usr
mount --bind {checkout} opt/checkout
mount --rbind {python} .{python}
mount -t tmpfs dev dev
for name in null zero urandom; do : > dev/$name; mount --bind /dev/$name dev/$name; done
: > dev/kmsg
mount --bind data data
mount -t tmpfs run run
mount -t proc proc proc
mount -o remount,bind,ro .
exec chroot . /bin/busybox init
"""
INITTAB = """\
::sysinit:/etc/init.d/rcS
::shutdown:/etc/init.d/rcK
"""
RCS = "#!/bin/sh\nfor one in /etc/init.d/S??*; do $one start >> /run/boot 2>&1; done\n: > /run/booted\n"
RCK = "#!/bin/sh\nfor one in $(ls -r /etc/init.d/S??*); do $one stop >> /data/shutdown 2>&1; done\n"


UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
PYTHON = Path(sys.executable).resolve()


def why_not() -> str:
    """What is missing for a root of one's own, empty if nothing."""
    if os.geteuid() != 0:
        return "namespaces and mounts take root"
    if shutil.which("busybox") is None:
        return "no busybox; on Debian: apt-get install busybox-static"
    done = subprocess.run([*UNSHARE, "mount", "-t", "proc", "proc", "/proc"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "namespaces and mounts are not permitted here"


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for it; fails when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


class SmallRoot:
    """The device. ``shell``: "busybox" has its ash and start-stop-daemon, "dash" has those of Debian."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.root = folder / "device"
        self.shell = shell
        self.init: subprocess.Popen[bytes] | None = None
        for name in ("etc/init.d", "etc/default", "usr", "proc", "dev", "run", "var", "data", "opt/checkout", "tmp"):
            (self.root / name).mkdir(parents=True)
        (self.root / "var/run").symlink_to("/run")
        for name in ("lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        (self.root / "bin").mkdir()
        busybox = shutil.which("busybox")
        assert busybox
        shutil.copy(busybox, self.root / "bin/busybox")
        if shell == "busybox":
            for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
                if name != "busybox":
                    (self.root / "bin" / name).symlink_to("busybox")
        else:
            (self.root / "bin/sh").symlink_to("../usr/bin/dash")
            (self.root / "sbin").symlink_to("usr/sbin")
        self.script("etc/inittab", INITTAB)
        self.script("etc/init.d/rcS", RCS)
        self.script("etc/init.d/rcK", RCK)
        self.script("etc/init.d/S01lastgasp", (START_FILES / "lastgasp.sysv").read_text())
        self.script("etc/lastgasp.conf", SETTINGS)
        self.script("etc/default/lastgasp", "PROGRAM=/opt/lastgasp-agent\n")
        self.script(
            "opt/lastgasp-agent",
            f'#!/bin/sh\nexec {PYTHON} -I -S /opt/checkout/scripts/lastgasp-agent "$@"\n',
        )

    def script(self, name: str, text: str) -> None:
        """Write an executable file, before the device is switched on."""
        path = self.root / name
        path.write_text(text)
        path.chmod(0o755)

    def boot(self) -> None:
        """Switch it on, and wait until its start scripts are done."""
        (self.root / sys.base_prefix[1:]).mkdir(parents=True, exist_ok=True)
        script = MOUNTS.format(root=self.root, checkout=CHECKOUT, python=sys.base_prefix)
        self.init = subprocess.Popen(
            [*UNSHARE, "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        until(lambda: self.init and self.init.poll() is None and self.run("test -e /run/booted").returncode == 0)

    def first(self) -> int:
        """The number of its process 1, as the host knows it; 0 if there is none."""
        assert self.init is not None
        try:
            children = Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split()
        except OSError:
            return 0
        return int(children[0]) if children else 0

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Have a shell in the device do something."""
        enter = ["nsenter", "-t", str(self.first()), "-m", "-p", "-r", "-w"]
        return subprocess.run(
            [*enter, "/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False
        )

    def out(self, command: str) -> str:
        """What it printed."""
        return self.run(command).stdout

    def service(self, what: str) -> tuple[int, str]:
        """The init script's exit status and what it printed."""
        done = self.run(f"/etc/init.d/S01lastgasp {what}")
        assert done.stderr == "", done.stderr
        return done.returncode, done.stdout

    def agent(self) -> int:
        """The number of the agent or, where there is none, of its loop; 0 if there is no pid file."""
        return int(self.out("cat /run/lastgasp.pid 2>/dev/null") or 0)

    def samples(self) -> int:
        """How many the running agent has taken; 0 if there is none."""
        for line in self.out("/opt/lastgasp-agent status 2>/dev/null").splitlines():
            if line.startswith("samples: "):
                return int(line.split()[1])
        return 0

    def kernel_log(self) -> list[str]:
        """What was written to it."""
        return self.out("cat /dev/kmsg").splitlines()

    def shut_down(self) -> None:
        """As a user does it: init runs the scripts' stop, then ends everybody."""
        assert self.init is not None
        os.kill(self.first(), signal.SIGUSR2)
        self.init.wait(60)

    def switch_off(self) -> None:
        """At once."""
        if self.init is not None:
            self.init.kill()
            self.init.wait()
