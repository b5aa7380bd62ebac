"""Alerts on the growth of processes that the configuration names. Loaded only where it names some."""

from lastgasp.proc import files, pid_statm
from lastgasp.recorder.alerts import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from lastgasp.recorder.alerts import Alerts
    from lastgasp.recorder.processes import Processes

PREFIX = b"growth:"
HOUR_MS = 3_600_000
WINDOW_MS = 600_000


class Growth:
    """Judges anonymous memory over windows of WINDOW_MS."""

    __slots__ = ("_due_ms", "_sizes", "alerts", "processes")

    def __init__(self, alerts: "Alerts", processes: "Processes") -> None:
        self.alerts = alerts
        self.processes = processes
        self._sizes: dict[int, tuple[int, int]] = {}  # pid: bytes, and when
        self._due_ms = 0

    def judge(self, now_ms: int) -> None:
        """At the end of a window, alert on those of ``alert_growth`` that grew faster than they may."""
        if now_ms < self._due_ms:
            return
        self._due_ms = now_ms + WINDOW_MS
        before, self._sizes = self._sizes, {}
        wanted = dict(self.alerts.config.alert_growth)
        for pid, comm, pages in self._sizes_of(wanted):
            size = pages * self.processes.page_size
            self._sizes[pid] = size, now_ms
            if pid in before:
                size_then, then_ms = before[pid]
                rate = (size - size_then) * HOUR_MS // max(now_ms - then_ms, 1)
                text = b"%s (%d) grows by %d kB an hour" % (printable(comm), pid, rate // 1024)
                self.alerts.level(now_ms, PREFIX + b"%d" % pid, max(rate, 0), wanted[comm], text, False)

        for name in [name for name in self.alerts.raised if name.startswith(PREFIX)]:
            if int(name[len(PREFIX) :]) not in self._sizes:
                self.alerts.level(now_ms, name, 0, 0, b"the process is gone, or not named any more", False)

    def _sizes_of(self, names: "Container[bytes]") -> "Iterator[tuple[int, bytes, int]]":
        """Pid, comm and anonymous pages of the processes that are called one of ``names``."""
        for pid in list(self.processes.known):
            folder = self.processes.proc + b"%d/" % pid
            comm = (files.read(folder + b"comm", 64) or b"").rstrip(b"\n")
            sizes = pid_statm.parse(files.read(folder + b"statm", 128) or b"") if comm in names else None
            if sizes is not None:
                yield pid, comm, sizes[1] - sizes[2]
