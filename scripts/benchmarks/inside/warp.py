"""The agent in a world where waiting takes no time.

    PYTHON -I -S -E TREE/warp.pyc run --config FILE

All is the agent's own code, its start included, but ``Loop.wait`` handles what has happened and then puts the agent's
clock forward by the time that it should have waited. Standard input has numbers of samples, one a line: when so many
were taken, their number is printed and the next line awaited. At the end of the input the agent stops.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgasp.recorder.agent import Agent
    from lastgasp.recorder.loop import Loop

PROGRAM = sys.argv[0].rpartition("/")[0] + "/lastgasp-agent.pyc"
PYC_HEADER = 16


class Warp:
    """The agent's clock, and the number of samples to stop at next."""

    def __init__(self, agent: "Agent", really_wait: "Callable[[Loop, int], None]") -> None:
        self.agent = agent
        self.really_wait = really_wait
        self.skipped_ms = 0
        self.stop_at = 0
        self.clock: Callable[[], int] = agent.clock
        agent.clock = self.now
        self.ask()

    def now(self) -> int:
        """The time, with all that was not waited for."""
        return self.clock() + self.skipped_ms

    def ask(self) -> None:
        """Wait to be told how many samples to take."""
        line = b""
        while not line.endswith(b"\n"):
            byte = posix.read(0, 1)
            if not byte:
                self.agent.stopping = True
                line, byte = b"%d" % (1 << 62), b"\n"
            line += byte
        self.stop_at = int(line)

    def wait(self, loop: "Loop", timeout_ms: int) -> None:
        """What takes the place of ``Loop.wait``."""
        self.really_wait(loop, 0)
        self.skipped_ms += max(timeout_ms, 0)
        while self.agent.sampler.samples >= self.stop_at:
            posix.write(1, b"%d\n" % self.agent.sampler.samples)
            self.ask()


class Watcher:
    """Sits in ``sys.meta_path`` until the command is imported: by then the agent's modules are loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Finds nothing."""
        if name == "lastgasp.recorder.main":
            sys.meta_path.remove(self)
            bend_time()


def bend_time() -> None:
    """Have the loop's waiting replaced."""
    from lastgasp.recorder.loop import Loop

    really_wait = Loop.wait
    warps: list[Warp] = []

    def wait(loop: Loop, timeout_ms: int) -> None:
        """Called by the agent's loop; the first time it also learns whose loop that is."""
        if not warps:
            warps.append(Warp(sys._getframe(1).f_locals["self"], really_wait))
        warps[0].wait(loop, timeout_ms)

    Loop.wait = wait  # type: ignore[method-assign,assignment]


sys.meta_path.insert(0, Watcher())
with open(PROGRAM, "rb") as program:
    program.seek(PYC_HEADER)
    start = marshal.loads(program.read())
exec(start, {"__name__": "__main__", "__file__": PROGRAM})
