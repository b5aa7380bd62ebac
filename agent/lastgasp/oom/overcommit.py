"""vm.overcommit_memory=2: how much may be promised, and whether a recorded course of promises would have been refused.

The arithmetic of vm_commit_limit() and __vm_enough_memory() (mm/util.c; mm/mmap.c up to 4.4), read in 3.10, 4.4, 4.9,
6.1 and 7.1. Sizes in kB as /proc/meminfo has them; the kernel reckons in pages, and so do these functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_RATIO = 50
MOST_ADMIN_KB = 1 << 13
MOST_USER_KB = 1 << 17


@dataclass(frozen=True, slots=True)
class Settings:
    """The machine and its tunables."""

    ram_kb: int  # MemTotal
    swap_kb: int = 0  # SwapTotal
    hugetlb_kb: int = 0  # Hugetlb: all sizes of huge pages set aside
    ratio: int = DEFAULT_RATIO  # vm.overcommit_ratio
    kbytes: int = 0  # vm.overcommit_kbytes (3.14 and later): counts instead of the ratio unless 0
    admin_reserve_kb: int = MOST_ADMIN_KB  # vm.admin_reserve_kbytes (3.10 and later)
    user_reserve_kb: int = MOST_USER_KB  # vm.user_reserve_kbytes
    page_kb: int = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """Committed_AS at some time, in whatever unit and clock the caller has."""

    time: float
    committed_kb: int


class Caveat(StrEnum):
    """What samples can't say."""

    LOWER = "mode 2 also counts what was mapped with MAP_NORESERVE: Committed_AS would have been higher"
    BEHAVIOUR = "a process that is refused does something else from then on: only the first refusal is sure"
    BETWEEN = "between two samples more may have been promised and given back: the refusal can have come earlier"
    BATCH = "Committed_AS is counted per CPU, and off by some hundred kB for each"


@dataclass(frozen=True, slots=True)
class Answer:
    """Would it have refused, and when first."""

    limit_kb: int  # CommitLimit
    allowed_kb: int  # of it, for the process asked about
    first: Sample | None  # the first sample at which it would have been over
    most: Sample | None  # the highest
    over: int  # samples that are over
    samples: int
    caveats: tuple[Caveat, ...] = tuple(Caveat)

    @property
    def refuses(self) -> bool:
        """Whether an allocation would have failed."""
        return self.first is not None

    @property
    def room_kb(self) -> int | None:
        """What was left at the highest; negative where it was over."""
        return None if self.most is None else self.allowed_kb - self.most.committed_kb


def default_reserve_kb(free_kb: int, most_kb: int) -> int:
    """What the kernel sets the two reserves to at boot: 1/32 of the memory then free, at most 8 and 128 MiB."""
    return min(free_kb // 32, most_kb)


def commit_limit_kb(settings: Settings) -> int:
    """CommitLimit: kbytes, or the ratio of RAM without huge pages; and swap."""
    size = settings.page_kb
    if settings.kbytes:
        pages = settings.kbytes // size
    else:
        pages = (settings.ram_kb // size - settings.hugetlb_kb // size) * settings.ratio // 100
    return (pages + settings.swap_kb // size) * size


def allowed_kb(settings: Settings, total_vm_kb: int = 0, privileged: bool = False) -> int:
    """What may be committed in all when a process of this size asks.

    Who has no CAP_SYS_ADMIN leaves the admin's reserve, and everybody 1/32 of its own size, at most the user's reserve.
    """
    size = settings.page_kb
    pages = commit_limit_kb(settings) // size
    if not privileged:
        pages -= settings.admin_reserve_kb // size
    pages -= min(total_vm_kb // size // 32, settings.user_reserve_kb // size)
    return pages * size


def would_refuse(
    settings: Settings, samples: Iterable[Sample], total_vm_kb: int = 0, privileged: bool = True
) -> Answer:
    """Hold Committed_AS against what mode 2 allows; by default for root, which is refused last.

    The kernel adds what is asked for and refuses unless the sum is below what is allowed: a sample at it is over.
    """
    allowed = allowed_kb(settings, total_vm_kb, privileged)
    over_first: Sample | None = None
    most: Sample | None = None
    over = count = 0
    for sample in samples:
        count += 1
        if most is None or sample.committed_kb > most.committed_kb:
            most = sample
        if sample.committed_kb >= allowed:
            over += 1
            over_first = over_first or sample
    return Answer(commit_limit_kb(settings), allowed, over_first, most, over, count)
