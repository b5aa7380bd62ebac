"""What the agent says of itself when asked. Loaded for one answer and dropped."""

import posix
import time

from lastgasp import __version__
from lastgasp.proc import files
from lastgasp.ring.format import HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.agent import Agent

    Value = int | float | str | None

READ_SLOWLY = (b"proc/zoneinfo", b"proc/slabinfo", b"proc/net/sockstat", b"proc/self/io")  # and not kept open
ZRAM = (b"sys/block/zram0",)
DMABUF = (b"sys/kernel/dmabuf/buffers", b"sys/kernel/debug/dma_buf/bufinfo")
DAY_MS = 86_400_000
RATE_AFTER_MS = 600_000  # before, the start itself is most of what was written
YEAR_DAYS = 365.25
REMOVED = "the ring's file was removed: the recording is lost when the agent stops; restart it now"
ERRNO = {
    1: "EPERM, not permitted",
    2: "ENOENT, this kernel has none",
    13: "EACCES, permission denied",
    22: "EINVAL",
    24: "EMFILE, no descriptor left",
    30: "EROFS, read-only file system",
    38: "ENOSYS, this kernel has none",
    61: "ENODATA, nothing to read",
    93: "EPROTONOSUPPORT, this kernel has none",
    95: "EOPNOTSUPP, turned off",
    98: "EADDRINUSE, something else is there",
    111: "ECONNREFUSED",
}


def facts(agent: "Agent") -> "list[tuple[str, Value]]":
    """Everything there is to say, in the order to say it. None is unknown."""
    writer, ring, config = agent.writer, agent.ring, agent.config
    running_ms = max(agent.clock() - agent.started_ms, 1)
    memory = own_memory()
    cpu_s = time.process_time_ns() / 1e9
    written = writer.blocks_written * ring.block_size
    per_day = written * DAY_MS // running_ms if running_ms >= RATE_AFTER_MS else None
    # What was written early took turns in its slots: only full blocks move on.
    filled = (writer.place.block_number - agent.first_block) * DAY_MS / running_ms if per_day else 0
    return [
        ("version", __version__),
        ("pid", posix.getpid()),
        ("running_s", running_ms // 1000),
        ("pss_kb", memory.get(b"Pss:")),
        ("private_dirty_kb", memory.get(b"Private_Dirty:")),
        ("locked_kb", memory.get(b"Locked:")),
        ("cpu_s", round(cpu_s, 2)),
        ("cpu_ms_per_sample", round(cpu_s * 1000 / agent.sampler.samples, 2) if agent.sampler.samples else None),
        ("samples", agent.sampler.samples),
        ("missed_ticks", agent.missed_ticks),
        ("processes", len(agent.sampler.processes.known)),
        ("untracked_processes", agent.sampler.processes.untracked),
        ("pressure", "yes" if agent.pressure.on else "no"),
        ("oom_reports", agent.log.reports),
        ("alerts", ", ".join(sorted(name.decode("ascii", "replace") for name in agent.alerts.raised)) or "none"),
        ("ring", config.ring_path),
        ("ring_bytes", ring.place.slots * ring.block_size),
        ("file_system", ring.file_system.decode("ascii", "replace") or None),
        ("blocks_written", writer.blocks_written),
        ("bytes_per_day", per_day),
        ("history_days", round(ring.place.slots / filled, 1) if filled else None),
        ("flash_years", flash_years(agent, per_day)),
        ("unflushed_bytes", writer.unflushed),
        ("write_errors", writer.errors),
        ("last_write_errno", writer.last_error or None),
        ("lost_bytes", writer.lost),
        ("oldest_sample", oldest(agent)),
        *[(f"absent {name}", why) for name, why in absent(agent)],
        *[("note", note) for note in ring.notes],
        *([] if posix.fstat(ring.storage.fd).st_nlink else [("note", REMOVED)]),
    ]


def own_memory() -> dict[bytes, int]:
    """kB by name, of /proc/self/smaps_rollup (4.14) or summed up from smaps."""
    sums: dict[bytes, int] = {}
    lines = files.lines(b"/proc/self/smaps_rollup")
    for line in lines:
        _add(sums, line)
    if not sums:
        for line in files.lines(b"/proc/self/smaps"):
            _add(sums, line)
    return sums


def _add(sums: dict[bytes, int], line: bytes) -> None:
    words = line.split()
    if len(words) == 3 and words[2] == b"kB" and words[1].isdigit():
        sums[words[0]] = sums.get(words[0], 0) + int(words[1])


def flash_years(agent: "Agent", per_day: int | None) -> float | None:
    """How long the medium lasts at this rate: its size times its cycles, over what is programmed a day."""
    config = agent.config
    size = config.flash_size
    if not size:
        try:
            storage = agent.ring.storage
            if posix.fstat(storage.fd).st_mode & 0o170000 == 0o060000:
                size = storage.size()
            else:
                medium = posix.fstatvfs(storage.fd)
                size = medium.f_blocks * medium.f_frsize
        except OSError:
            return None
    if per_day is None:
        return None
    programmed = per_day * config.write_amplification / 1000 * YEAR_DAYS
    return round(size * config.flash_cycles / programmed, 1) if programmed else None


def oldest(agent: "Agent") -> str | None:
    """When the oldest block that is kept begins, by the clock of its time; the next to be overwritten is the oldest."""
    place = agent.ring.place
    for slot in (place.head, 0):
        try:
            raw = agent.ring.storage.read(slot * agent.ring.block_size, HEADER.size)
        except OSError:
            return None
        if raw.startswith(b"lastgasp") and len(raw) == HEADER.size:
            try:
                return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(HEADER.unpack(raw)[-1] // 10**9))
            except (OverflowError, ValueError, OSError):  # a damaged block, or beyond what 32 bits of seconds tell
                return None
    return None


def absent(agent: "Agent") -> list[tuple[str, str]]:
    """Sources that are not read, and why."""
    found = [(source.path.decode(), why(source.errno)) for source in agent.sampler.system.sources if source.errno]
    for path in READ_SLOWLY:
        if files.read(agent.sampler.root + path, 1) is None:
            found.append(("/" + path.decode(), why(files.last_errno)))
    for name, folders in (("zram", ZRAM), ("dma-buf totals", DMABUF)):
        errnos = [stat_errno(agent.sampler.root + folder) for folder in folders]
        if all(errnos):
            found.append((name, why(errnos[-1])))
    if agent.log.errno:
        found.append(("/dev/kmsg", why(agent.log.errno)))
    if agent.sampler.births.errno:
        found.append(("proc connector", why(agent.sampler.births.errno)))
    if not agent.sampler.groups.version:
        found.append(("memory control groups", "not mounted"))
    if agent.trigger_errno:
        found.append(("PSI trigger", why(agent.trigger_errno)))
    mirror_errno = agent.mirror.errno if agent.mirror is not None else agent.mirror_errno
    if mirror_errno:
        found.append(("/dev/pmsg0", why(mirror_errno)))
    if agent.control.errno:
        found.append(("control socket", why(agent.control.errno)))
    return found


def stat_errno(path: bytes) -> int:
    """Why a path is not there; 0: it is."""
    try:
        posix.stat(path)
    except OSError as error:
        return error.errno or 0
    return 0


def why(errno: int) -> str:
    """An errno in words."""
    return ERRNO.get(errno, f"errno {errno}")


def render(agent: "Agent", as_json: bool) -> bytes:
    """The answer to a status request."""
    pairs = facts(agent)
    if not as_json:
        shown = [f"{name}: {'unknown' if value is None else value}\n" for name, value in pairs]
        return "".join(shown).encode("utf-8", "replace")
    parts: list[str] = []
    lists: dict[str, list[str]] = {"absent": [], "note": []}
    for name, value in pairs:
        kind, _, rest = name.partition(" ")
        if kind in lists:
            lists[kind].append(quoted(f"{rest}: {value}" if rest else str(value)))
        else:
            text = "null" if value is None else quoted(value) if isinstance(value, str) else str(value)
            parts.append(f"{quoted(name)}: {text}")
    parts += [f"{quoted(name + 's' if name == 'note' else name)}: [{', '.join(v)}]" for name, v in lists.items()]
    return ("{" + ", ".join(parts) + "}\n").encode("utf-8", "replace")


def quoted(text: str) -> str:
    """A JSON string; the json module would cost more than the agent has left."""
    safe = [c if 32 <= ord(c) < 127 and c not in '"\\' else f"\\u{min(ord(c), 0xFFFF):04x}" for c in text]
    return '"' + "".join(safe) + '"'
