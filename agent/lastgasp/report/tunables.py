"""What each setting does, in one sentence, and its caution, for those that nothing here asks to change."""

from __future__ import annotations

# setting, what it does, caution
TUNABLES = (
    (
        "oom_score_adj",
        "moves a process in the kernel's ranking by thousandths of all memory; -1000: never killed",
        "sparing one sends the kill to another",
    ),
    (
        "vm.overcommit_memory",
        "0 refuses only what is far beyond all memory, 1 nothing, 2 counts all promises",
        "2 fails allocations in vital processes, too",
    ),
    ("vm.overcommit_ratio", "share of RAM that mode 2 may promise, besides swap", "without effect in modes 0 and 1"),
    ("vm.overcommit_kbytes", "the same as a size; 0: the ratio counts", "without effect in modes 0 and 1"),
    ("vm.panic_on_oom", "1 stops the machine instead of killing, 2 also at a group's limit", "all dies for one"),
    ("vm.oom_kill_allocating_task", "1 kills whoever asks for memory, not the largest", "may be anybody"),
    ("vm.oom_dump_tasks", "1 lists every process in a report", "a line of the log for each process"),
    ("vm.min_free_kbytes", "what is kept free for the kernel and its drivers", "lost to programs"),
    (
        "vm.watermark_scale_factor",
        "how early the kernel begins to reclaim, in 1/10,000 of RAM",
        "earlier means more of it, all the time",
    ),
    (
        "vm.swappiness",
        "how much rather to swap (with zram: to pack) than to drop file cache",
        "without swap it does nothing",
    ),
    (
        "memory.max, memory.high",
        "limits of a memory group: at max it is killed in, at high slowed down",
        "set them above the peak in health",
    ),
    ("memory.oom.group", "1 kills all of a group together", "only where all of it is started again as one"),
)
