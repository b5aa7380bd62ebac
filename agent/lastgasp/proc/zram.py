"""/sys/block/zram*/mm_stat (drivers/block/zram/zram_drv.c, since 4.2): bytes, except the two page counts."""

COLUMNS = (
    b"orig_data_size",
    b"compr_data_size",
    b"mem_used_total",
    b"mem_limit",
    b"mem_used_max",
    b"same_pages",
)


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Values of COLUMNS."""
    words = raw.split()
    return tuple([int(words[i]) if i < len(words) and words[i].isdigit() else None for i in range(len(COLUMNS))])
