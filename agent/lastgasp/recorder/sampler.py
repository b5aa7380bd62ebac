"""One sample of everything: which tiers are read at which tick, in which order."""

import posix

from lastgasp import __version__
from lastgasp.recorder import once
from lastgasp.recorder.births import Births
from lastgasp.recorder.groups import Groups
from lastgasp.recorder.mappings import Mappings
from lastgasp.recorder.processes import LARGE_SHARE, Processes
from lastgasp.recorder.rows import Rows
from lastgasp.recorder.system import System
from lastgasp.ring.format import SAMPLE_PRESSURE, SAMPLE_PROCESSES, SAMPLE_SYSTEM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config
    from lastgasp.ring.encoder import Encoder

REFRESH_BLOCKS = 64  # within so many blocks everything that is known is written anew


class Sampler:
    """The tiers, and what they have in common."""

    def __init__(self, encoder: "Encoder", config: "Config", root: bytes, listen: bool = True) -> None:
        """``root`` is where proc, sys and etc are found; ``listen`` to the kernel's process events."""
        self.encoder = encoder
        self.config = config
        self.root = root
        self.rows = Rows(encoder)
        self.system = System(self.rows, root)
        self.groups = Groups(self.rows, root)
        self.processes = Processes(
            encoder, config.processes, config.command_line, self.groups.add, root, posix.sysconf("SC_PAGESIZE")
        )
        self.mappings = Mappings(self.processes, config.mapping_interval // 1000, config.mapping_budget)
        self.births = Births(listen)
        self.samples = 0
        self._refreshed_at = -1  # block number

    def take(self, now_ms: int, slow: bool, pressure: bool) -> None:
        """Read what is due and write it as one sample."""
        system, config, processes = self.system, self.config, self.processes
        self.births.read()
        flags = SAMPLE_SYSTEM | SAMPLE_PROCESSES
        self.encoder.begin(now_ms, flags | SAMPLE_PRESSURE if pressure else flags)
        system.fast()
        if slow or pressure:
            system.detailed()
        if slow:
            system.slow()
            if system.total_kb:
                processes.large_pages = system.total_kb * 1024 // processes.page_size // LARGE_SHARE
        self.groups.read(slow)
        processes.scan(now_ms, system.births, pressure, self.births)
        interval = config.pressure_interval if pressure else config.interval
        processes.detail_some(now_ms, len(processes.known) * interval // config.slow_interval + 1)
        if config.mappings:
            self.mappings.read_one(now_ms)
        self.encoder.end()
        self.samples += 1

    def new_block(self, now_ms: int, number: int) -> None:
        """A block began: some of what is known is mentioned again in it, in time all of it."""
        self.processes.refresh_some(len(self.processes.known) // REFRESH_BLOCKS + 1)
        if self._refreshed_at < 0:
            self._refreshed_at = number
        elif number >= self._refreshed_at + REFRESH_BLOCKS:
            self._refreshed_at = number
            self.rows.refresh()
            self.write_machine(now_ms)

    def write_machine(self, now_ms: int) -> None:
        """What this machine and its firmware are; only our version when the code to find out cannot be read."""
        version = __version__.encode()
        try:
            with once.borrowed("recorder.identity") as identity:
                found = identity.machine(self.root, version)
        except ImportError:
            found = [(b"agent", version)]
        self.encoder.event(now_ms, b"machine", [*found, (b"pid", b"%d" % posix.getpid())])

    def take_over(self, config: "Config") -> None:
        """Use another configuration from now on."""
        self.config = config
        self.processes.command_line = config.command_line
        self.mappings.interval_s = config.mapping_interval // 1000
        self.mappings.budget_ms = config.mapping_budget
