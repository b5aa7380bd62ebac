"""The cases that an explanation must tell apart, as data: a cast, the guest it wants, and what has to come of it.

Sizes are for a guest with 128 MB, of which 80 to 100 are free once the agent runs. A leak takes seconds, so that the
agent has something to record. ``victims``: the names that the kernel kills, in order; None: whoever it is, as the model
has to say. ``case``: what lastgasp.analysis.oom.cause calls it (the first kill's), where a report can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kills.casts import Actor, Cast, Group

ALL = ("armhf", "arm64")
SLOWLY = (64, 10_000)  # kB every so many µs: some 6 MB a second
MB = 1024

SENSORD = Actor(b"sensord", "hold", 12 * MB)
LOGGER = Actor(b"logger", "hold", 6 * MB)
WATCHDOGD = Actor(b"watchdogd", "hold", 1 * MB, adj=-1000)
LEAKER = Actor(b"leaker", "leak", *SLOWLY)
SLOW_LEAKER = Actor(b"slow leaker", "leak", 16, 10_000)
OTHERS = (SENSORD, LOGGER, WATCHDOGD)
VM = "/proc/sys/vm/"
GROUP = Group("app", 24 * MB)
ZRAM = "modprobe zram && echo {bytes} > /sys/block/zram0/disksize && mkswap /dev/zram0 > /dev/null && swapon /dev/zram0"
RAMOOPS = "mem_address=0x47f00000 mem_size=0x100000 record_size=0x20000 ecc=0"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One case."""

    name: str
    about: str
    cast: Cast
    victims: tuple[bytes, ...] | None
    case: str | None = None
    archs: tuple[str, ...] = ALL
    agent: bool = True  # record it
    grower: bytes | None = LEAKER.name  # whose mappings the recording must hold
    guilty: str = "leaker"  # who the report must name: a program, or a kind of memory that no process holds
    before: str = ":"  # shell commands that make the guest ready
    modules: tuple[str, ...] = ()
    append: str = ""
    ubifs: bool = False  # the ring on simulated NAND, which forgets when it is cut off
    settings: tuple[tuple[str, str], ...] = ()  # of the agent, besides the bed's own
    tuned: str = ""  # the policy that the agent applies before, and takes back after the kill
    panics: bool = False  # the kernel ends with it; the report is in persistent RAM

    @property
    def needs_agent(self) -> bool:
        """Is it about the agent, and nothing without it?"""
        return self.ubifs or bool(self.tuned) or self.panics


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("leak", "one process leaks and is killed", Cast((*OTHERS, LEAKER)), (b"leaker",), "ONE_PROCESS"),
        Scenario(
            "two-leakers",
            "two leak, the faster one is killed",
            Cast((*OTHERS, LEAKER, SLOW_LEAKER)),
            (b"leaker",),
        ),
        Scenario(
            "adj-up",
            "a small process with a high adj dies in place of the one that leaks",
            Cast((*OTHERS, Actor(b"cache", "hold", 2 * MB, adj=900), LEAKER)),
            (b"cache",),
        ),
        Scenario(
            "adj-down",
            "the one that leaks has a low adj: another dies",
            Cast((*OTHERS, replace(LEAKER, adj=-800))),
            (b"sensord",),
        ),
        Scenario(
            "protected-leaker",
            "the one that leaks may not be killed: all others die, one after another",
            Cast((*OTHERS, replace(LEAKER, adj=-1000)), kills=2),
            (b"sensord", b"logger"),
            "PROTECTED",
        ),
        Scenario(
            "memcg",
            "a group reaches its limit: the largest in it dies, whatever is larger outside",
            Cast(
                (
                    Actor(b"outside", "hold", 30 * MB),
                    replace(SENSORD, group=GROUP.name, a=4 * MB),
                    replace(LEAKER, group=GROUP.name, b=40_000),
                ),
                (GROUP,),
            ),
            (b"leaker",),
            "GROUP",
        ),
        Scenario(
            "memcg-adj",
            "in a group adj counts against the group's limit",
            Cast(
                (
                    replace(SENSORD, group=GROUP.name, a=4 * MB, adj=700),
                    replace(LEAKER, group=GROUP.name, b=40_000),
                ),
                (GROUP,),
            ),
            (b"sensord",),
            "GROUP",
        ),
        Scenario(
            "allocating-task",
            "vm.oom_kill_allocating_task: whoever asks is killed, here one of two that leak",
            Cast((*OTHERS, LEAKER, SLOW_LEAKER), settings=((f"{VM}oom_kill_allocating_task", "1"),)),
            None,
            settings=(("oom_score_adj", "-1000"),),  # nothing less keeps the agent from being the one that asks
        ),
        Scenario(
            "overcommit-2",
            "vm.overcommit_memory=2: malloc fails while memory is free, and nobody is killed",
            Cast((*OTHERS, LEAKER), kills=0),
            (),
            before=f"echo 2 > {VM}overcommit_memory",  # as a device has it from its start
        ),
        Scenario(
            "panic",
            "vm.panic_on_oom: the kernel gives up, and the report is in ramoops after the reset",
            Cast((*OTHERS, LEAKER), settings=((f"{VM}panic_on_oom", "1"),)),
            (),
            archs=("arm64",),
            modules=("ramoops",),
            before=f"modprobe ramoops {RAMOOPS}",
            append="mem=127M",
            panics=True,
        ),
        Scenario(
            "tmpfs",
            "a file on tmpfs fills the memory: an innocent process dies",
            Cast((*OTHERS, Actor(b"filler", "fill", *SLOWLY))),
            (b"sensord",),
            "SHMEM",
            grower=None,
            guilty="tmpfs",
        ),
        Scenario(
            "slab",
            "a process of a few pages has the kernel hold sockets: an innocent one dies",
            Cast(
                (*OTHERS, Actor(b"socketd", "sockets", 200_000, 4_000)),
                settings=(("/proc/sys/fs/file-max", "1000000"),),
            ),
            (b"sensord",),
            "KERNEL",
            grower=None,
            guilty="slab",
        ),
        Scenario(
            "fragmentation",
            "memory is free, but no four pages in a row: a fork needs them for its page directory",
            Cast((*OTHERS, Actor(b"holes", "holes", 5 * MB), Actor(b"forker", "fork", 3000))),
            None,
            "FRAGMENTED",
            archs=("armhf",),
            grower=None,
            guilty="pieces",  # no process: what the kernel gave out piecemeal
            before=f"echo 0 > {VM}watermark_boost_factor",  # it would keep 8 MB more free, and so in one piece
            append="cma=0",  # pages of pipes are none that CMA lends
        ),
        Scenario(
            "vfork",
            "a child between vfork and exec leaks in its parent's memory: the kernel skips it and takes the parent",
            Cast((*OTHERS, Actor(b"launcher", "vfork", *SLOWLY))),
            (b"launcher",),
            "ONE_PROCESS",
            grower=b"launcher",
            guilty="launcher",
        ),
        Scenario(
            "zram",
            "with swap in compressed RAM",
            Cast((*OTHERS, LEAKER)),
            (b"leaker",),
            "ONE_PROCESS",
            before=ZRAM.format(bytes=16 << 20),
            modules=("zram", "lzo", "lzo_rle"),
        ),
        Scenario(
            "ubifs", "a leak, recorded on UBIFS", Cast((*OTHERS, LEAKER)), (b"leaker",), "ONE_PROCESS",
            archs=("armhf",), ubifs=True,
        ),
        Scenario(
            "tune",
            "lastgasp-agent tune lowers the adj of the largest, another is killed, and the value is put back",
            Cast((Actor(b"vitald", "hold", 24 * MB), *OTHERS, Actor(b"filler", "fill", *SLOWLY)), gated=True),
            (b"sensord",),
            grower=None,
            guilty="tmpfs",
            tuned="vitald -600",
        ),
    )
}  # fmt: skip
