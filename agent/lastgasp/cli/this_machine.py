"""This machine as a recording that goes on: the agent itself, in a process of its own, on a ring in memory.

The ring is small and nobody else's: an agent that records for months is left alone, for each look at its ring would
cost flash. It has no name any more once it is open, so nothing stays behind, and the agent ends when its parent is
gone, whatever ended that.
"""

from __future__ import annotations

import contextlib
import os
import posix
import shutil
import signal
import tempfile
import time
from types import TracebackType

from lastgasp.cli import record
from lastgasp.recorder.agent import Agent
from lastgasp.recorder.clocks import read_boot_id
from lastgasp.recorder.ring_file import RingError, open_ring
from lastgasp.report.top.view import Line
from lastgasp.timeline.load import LoadError, load
from lastgasp.timeline.model import Recording

RING_SIZE = 512 * 1024  # a quarter of an hour of a desktop at 2 s, hours of a device
START_S = 20.0  # a machine that has no memory left takes its time
POLL_S = 0.05
MEMORY = "/dev/shm"


class LiveError(Exception):
    """This machine cannot be recorded; str() is the line to show."""


class ThisMachine:
    """The agent at work, and what it has recorded until now."""

    def __init__(self, interval_ms: int) -> None:
        self.interval_ms = interval_ms
        self.pace_s = interval_ms / 1000
        self._pid = 0
        self._end = -1  # closed to end the agent
        self._ring = -1

    def __enter__(self) -> ThisMachine:
        memory = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
        folder = tempfile.mkdtemp(prefix="lastgasp-live-", dir=memory)
        try:
            path = os.path.join(folder, "ring")
            self._start(path)
            self._await(path)
            self._ring = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            self.close()
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the agent."""
        for fd in (self._end, self._ring):
            if fd >= 0:
                os.close(fd)
        self._end = self._ring = -1
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0

    def recording(self) -> Recording | None:
        """All that is in the ring; None: it cannot be read at this moment."""
        try:
            (found,) = load(f"/proc/self/fd/{self._ring}")
        except (LoadError, ValueError):
            return None
        found.name = "this machine"
        return found if found.samples else None

    def state(self) -> list[Line]:
        """Nothing that could be said of another device."""
        return []

    def _start(self, path: str) -> None:
        listen, self._end = os.pipe2(os.O_CLOEXEC)
        self._pid = os.fork()
        if self._pid:
            os.close(listen)
            return
        try:
            os.close(self._end)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it, too, and closes the pipe
            _work(path, self.interval_ms, listen)
        except BaseException as error:  # told by its exit status: the terminal is not ours
            os._exit(2 if isinstance(error, RingError) else 1)
        os._exit(0)

    def _await(self, path: str) -> None:
        """Until there is a sample."""
        for _ in range(int(START_S / POLL_S)):
            with contextlib.suppress(LoadError, OSError):
                if any(recording.samples for recording in load(path)):
                    return
            if os.waitpid(self._pid, os.WNOHANG) != (0, 0):
                self._pid = 0
                break
            time.sleep(POLL_S)
        raise LiveError("the agent does not start on this machine; lastgasp record may say why")


def _work(path: str, interval_ms: int, listen: int) -> None:
    """The agent's whole life: a sample at each tick, each at once in the ring."""
    config = record.make_config(path, interval_ms, None)
    config.ring_size = RING_SIZE
    config.flush_interval = 0
    config.slow_interval = max(interval_ms, 1000)  # everything of everybody each time: somebody is looking
    config.mappings = False
    ring = open_ring(config, read_boot_id(b"/"))
    agent = Agent(config, ring)

    def end(_: int) -> None:
        agent.stopping = True

    agent.loop.watch(listen, end)
    agent.start()
    while not agent.stopping:
        agent.turn()
    posix.close(ring.storage.fd)
