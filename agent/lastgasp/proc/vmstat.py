"""/proc/vmstat (mm/vmstat.c): counts since boot unless the name begins with nr_. Parse with ``counters``."""

# What tells of reclaim, thrashing and kills.
FAST = (
    b"pgmajfault",
    b"pswpin",
    b"pswpout",
    b"pgscan_kswapd",
    b"pgscan_direct",
    b"pgsteal_kswapd",
    b"pgsteal_direct",
    b"workingset_refault_anon",  # since 5.9
    b"workingset_refault_file",  # since 5.9
    b"workingset_refault",  # before 5.9
    b"allocstall_dma",
    b"allocstall_dma32",
    b"allocstall_normal",
    b"allocstall_high",
    b"allocstall_movable",
    b"allocstall",  # before 4.8
    b"compact_stall",
    b"compact_fail",
    b"oom_kill",  # since 4.13
)

SLOW = (
    b"pgfault",
    b"pgfree",
    b"pgpgin",
    b"pgpgout",
    b"drop_pagecache",
    b"kswapd_low_wmark_hit_quickly",
    b"nr_kernel_misc_reclaimable",
    b"nr_vmscan_write",
    b"nr_dirtied",
    b"nr_written",
    b"cma_alloc_success",
    b"cma_alloc_fail",
    b"thp_fault_alloc",
    b"balloon_inflate",
)
