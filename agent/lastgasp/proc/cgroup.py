"""Memory control groups, version 1 and 2 (mm/memcontrol.c, mm/memcontrol-v1.c)."""

COLUMNS = (b"usage", b"limit", b"swap", b"limit_hits", b"oom_kills")

FILES_V2 = (b"memory.current", b"memory.max", b"memory.swap.current", b"memory.events")
FILES_V1 = (
    b"memory.usage_in_bytes",
    b"memory.limit_in_bytes",
    b"memory.memsw.usage_in_bytes",
    b"memory.failcnt",
    b"memory.oom_control",
)

# Version 1 says "no limit" as the largest page-aligned 63-bit number (PAGE_COUNTER_MAX).
_NO_LIMIT = (1 << 63) - (1 << 16)


def parse_v2(
    current: bytes | None, maximum: bytes | None, swap: bytes | None, events: bytes | None
) -> tuple[int | None, ...]:
    """Values of COLUMNS in bytes and counts; no limit ("max") is None."""
    counts: dict[bytes, int | None] = {}
    for line in (events or b"").splitlines():
        name, _, value = line.partition(b" ")
        counts[name] = _number(value)
    return _number(current), _number(maximum), _number(swap), counts.get(b"max"), counts.get(b"oom_kill")


def parse_v1(
    usage: bytes | None,
    limit: bytes | None,
    memsw: bytes | None,
    failures: bytes | None,
    control: bytes | None,
) -> tuple[int | None, ...]:
    """Values of COLUMNS in bytes and counts. ``oom_kill`` stands in oom_control since 4.13."""
    used, most, both = _number(usage), _number(limit), _number(memsw)
    kills = None
    for line in (control or b"").splitlines():
        if line.startswith(b"oom_kill "):
            kills = _number(line[9:])
    swap = both - used if both is not None and used is not None and both >= used else None
    return used, None if most is None or most >= _NO_LIMIT else most, swap, _number(failures), kills


def _number(raw: bytes | None) -> int | None:
    raw = (raw or b"").strip()
    return int(raw) if raw.isdigit() else None
