"""/proc/PID/status (fs/proc/array.c): kB where it says kB. Kernel threads and zombies have no Vm lines."""

from lastgasp.proc.text import lines, maybe

COLUMNS = (
    b"VmHWM",
    b"VmLck",
    b"VmData",
    b"RssAnon",  # since 4.5, as the next two
    b"RssFile",
    b"RssShmem",
    b"VmPTE",
    b"VmPMD",  # 4.0 to 4.14
    b"VmSwap",
    b"voluntary_ctxt_switches",
    b"nonvoluntary_ctxt_switches",
)
_PLACES = {name: i for i, name in enumerate(COLUMNS)}


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Values of COLUMNS.

    Name, the one line under the process's control, comes first. The kernel escapes newlines and backslashes in it
    and nothing else.
    """
    values: list[int | None] = [None] * len(COLUMNS)
    for line in lines(raw):
        name, _, rest = line.partition(b":")
        place = _PLACES.get(name)
        if place is not None:
            values[place] = maybe(rest.removesuffix(b" kB").strip())
    return tuple(values)


def uid(raw: bytes) -> int | None:
    """The real user id."""
    at = raw.find(b"\nUid:")
    words = raw[at + 5 : at + 40].split(None, 1) if at >= 0 else []
    return maybe(words[0]) if len(words) == 2 else None
