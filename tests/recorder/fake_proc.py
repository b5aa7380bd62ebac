"""A /proc that tests write themselves, one process at a time; formats as the kernel prints them."""

from __future__ import annotations

import shutil
from pathlib import Path

PAGE_SIZE = 4096


class FakeProc:
    """A root folder with proc, sys and dev in it."""

    def __init__(self, root: Path) -> None:
        self.path = root
        self.root = str(root).encode() + b"/"
        self.births = 100
        self.mem_available_kb = 800_000
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/pressure").mkdir()
        (root / "dev").mkdir()
        self.write("self/mountinfo", b"")
        self.machine()

    def write(self, name: str, data: bytes) -> None:
        (self.path / "proc" / name).write_bytes(data)

    def machine(self, available_kb: int | None = None, stalled_us: int | None = None) -> None:
        """The system-wide files."""
        if available_kb is not None:
            self.mem_available_kb = available_kb
        self.write(
            "meminfo",
            b"MemTotal:        1000000 kB\nMemFree:          500000 kB\nMemAvailable:    %7d kB\n"
            b"AnonPages:        100000 kB\nSwapTotal:             0 kB\n" % self.mem_available_kb,
        )
        self.write("vmstat", b"pgmajfault 10\noom_kill 0\nallocstall_normal 3\n")
        self.write(
            "stat",
            b"cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\nintr 5 1 2\nctxt 99\nbtime 1700000000\n"
            b"processes %d\nprocs_running 1\nprocs_blocked 0\nsoftirq 1 2\n" % self.births,
        )
        if stalled_us is not None:
            line = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n" % stalled_us
            self.write("pressure/memory", line + line.replace(b"some", b"full"))

    def process(
        self,
        pid: int,
        comm: bytes = b"daemon",
        start: int = 1000,
        rss: int = 500,
        shared: int = 100,
        state: bytes = b"S",
        cpu: int = 0,
        kernel: bool = False,
        born: bool = True,
    ) -> None:
        """Create or change a process; ``rss`` and ``shared`` in pages."""
        folder = self.path / "proc" / str(pid)
        if not folder.exists():
            (folder / "fd").mkdir(parents=True)
            if born:
                self.births += 1
                self.machine()
        self.counters(pid, comm, start, rss, shared, state, cpu, kernel)
        (folder / "comm").write_bytes(comm + b"\n")
        (folder / "cmdline").write_bytes(b"" if kernel else b"/usr/bin/" + comm + b"\0--flag\0")
        (folder / "status").write_bytes(
            b"Name:\t%s\nUid:\t0\t0\t0\t0\nVmHWM:\t%8d kB\nRssAnon:\t%8d kB\nvoluntary_ctxt_switches:\t5\n"
            % (comm.replace(b"\n", b"\\n"), rss * 4, (rss - shared) * 4)
        )
        (folder / "oom_score").write_bytes(b"667\n")
        (folder / "oom_score_adj").write_bytes(b"-17\n")
        (folder / "cgroup").write_bytes(b"0::/\n")

    def counters(
        self,
        pid: int,
        comm: bytes = b"daemon",
        start: int = 1000,
        rss: int = 500,
        shared: int = 100,
        state: bytes = b"S",
        cpu: int = 0,
        kernel: bool = False,
    ) -> None:
        """Change the two files that are read at every tick."""
        folder = self.path / "proc" / str(pid)
        flags = 0x200000 if kernel else 0x400000
        (folder / "stat").write_bytes(
            b"%d (%s) %s 1 1 1 0 -1 %d 7 0 3 0 %d 0 0 0 20 0 1 0 %d %d %d 4294967295 0 0 0\n"
            % (pid, comm, state, flags, cpu, start, rss * 2 * PAGE_SIZE, rss)
        )
        (folder / "statm").write_bytes(b"%d %d %d 1 0 50 0\n" % (rss * 2, rss, shared))

    def smaps(self, pid: int, **kilobytes: int) -> None:
        """Mappings by name, in kB of anonymous memory."""
        text, start = b"", 0x10000
        for name, size in kilobytes.items():
            text += b"%x-%x rw-p 00000000 00:00 0    %s\n" % (start, start + size * 1024, name.encode())
            for field in (b"Size", b"Rss", b"Pss", b"Anonymous", b"Private_Dirty"):
                text += b"%s:%20d kB\n" % (field, size)
            start += size * 1024 + 0x100000
        (self.path / "proc" / str(pid) / "smaps").write_bytes(text)

    def end(self, pid: int) -> None:
        """The process is gone."""
        shutil.rmtree(self.path / "proc" / str(pid))
