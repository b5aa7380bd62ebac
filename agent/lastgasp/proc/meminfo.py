"""/proc/meminfo (fs/proc/meminfo.c): kB, except the HugePages_ counts. Parse with ``counters``, suffix b":"."""

# What moves from one tick to the next.
FAST = (
    b"MemFree",
    b"MemAvailable",  # since 3.14
    b"Buffers",
    b"Cached",
    b"SwapFree",
    b"Dirty",
    b"Writeback",
    b"AnonPages",
    b"Shmem",
    b"SReclaimable",
    b"SUnreclaim",
    b"KernelStack",
    b"PageTables",
    b"Committed_AS",
    b"CmaFree",
)

# What tells where the rest is, and the limits.
SLOW = (
    b"MemTotal",
    b"SwapTotal",
    b"SwapCached",
    b"Active(anon)",
    b"Inactive(anon)",
    b"Active(file)",
    b"Inactive(file)",
    b"Unevictable",
    b"Mlocked",
    b"HighTotal",
    b"HighFree",
    b"LowTotal",
    b"LowFree",
    b"Mapped",
    b"KReclaimable",  # since 4.20
    b"SecPageTables",
    b"Bounce",
    b"CommitLimit",
    b"VmallocUsed",  # 0 from 4.4 to 5.2
    b"Percpu",
    b"Zswap",
    b"Zswapped",
    b"AnonHugePages",
    b"HugePages_Total",
    b"Hugepagesize",
    b"Hugetlb",
    b"CmaTotal",
)
