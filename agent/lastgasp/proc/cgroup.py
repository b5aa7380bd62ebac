"""Memory control groups, version 1 and 2 (mm/memcontrol.c, mm/memcontrol-v1.c)."""

from lastgasp.proc.text import lines, maybe

COLUMNS = (b"usage", b"limit", b"swap", b"limit_hits", b"oom_kills")

FILES_V2 = (b"memory.current", b"memory.max", b"memory.swap.current", b"memory.events")
FILES_V1 = (
    b"memory.usage_in_bytes",
    b"memory.limit_in_bytes",
    b"memory.memsw.usage_in_bytes",
    b"memory.failcnt",
    b"memory.oom_control",
)

# Version 1 says "no limit" as PAGE_COUNTER_MAX pages in bytes: LONG_MAX less than a page on 64 bit, but LONG_MAX
# *pages* on 32 bit, 8 TiB less one page of 4 KiB. No group that we watch could hold so much.
_NO_LIMIT = 0x7FFFFFFF * 4096


def parse_v2(
    current: bytes | None, maximum: bytes | None, swap: bytes | None, events: bytes | None
) -> tuple[int | None, ...]:
    """Values of COLUMNS in bytes and counts; no limit ("max") is None. ``oom_kill`` is counted since 4.13."""
    return _value(current), _value(maximum), _value(swap), _field(events, b"max "), _field(events, b"oom_kill ")


def parse_v1(
    usage: bytes | None,
    limit: bytes | None,
    memsw: bytes | None,
    failures: bytes | None,
    control: bytes | None,
) -> tuple[int | None, ...]:
    """Values of COLUMNS in bytes and counts. ``oom_kill`` stands in oom_control since 4.13."""
    used, most, both = _value(usage), _value(limit), _value(memsw)
    return (
        used,
        None if most is None or most >= _NO_LIMIT else most,
        # Read one after the other, they may differ by less than nothing.
        None if both is None or used is None else max(both - used, 0),
        _value(failures),
        _field(control, b"oom_kill "),
    )


def _value(raw: bytes | None) -> int | None:
    """The number that is all of a file."""
    return maybe(raw[:-1]) if raw and raw.endswith(b"\n") else None


def _field(raw: bytes | None, name: bytes) -> int | None:
    """The number behind a name and its blank."""
    for line in lines(raw or b""):
        if line.startswith(name):
            return maybe(line[len(name) :])
    return None
