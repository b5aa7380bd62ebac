"""/proc/self/mountinfo (fs/proc_namespace.c): what is mounted where."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def parse(lines: "Iterable[bytes]") -> list[tuple[bytes, bytes, bytes, bytes]]:
    """(device "major:minor", mount point, file system type, super options), in order of mounting."""
    found = []
    for line in lines:
        before, dash, after = line.partition(b" - ")
        words, rest = before.split(), after.split(None, 2)
        if dash and len(words) >= 6 and len(rest) == 3:
            found.append((words[2], unescape(words[4]), rest[0], rest[2]))
    return found


def unescape(path: bytes) -> bytes:
    """Space, tab, newline and backslash are written as three octal digits (seq_path)."""
    parts = path.split(b"\\")
    out = parts[0]
    for part in parts[1:]:
        digits = part[:3]
        try:
            out += bytes((int(digits, 8) & 255,)) + part[3:] if len(digits) == 3 else b"\\" + part
        except ValueError:
            out += b"\\" + part
    return out


def memory_controller(mounts: list[tuple[bytes, bytes, bytes, bytes]]) -> tuple[int, bytes] | None:
    """Cgroup version and mount point that memory is accounted in; v1 wins where both are mounted."""
    unified = None
    for _, point, kind, options in mounts:
        if kind == b"cgroup" and b"memory" in options.split(b","):
            return 1, point
        if kind == b"cgroup2" and unified is None:
            unified = 2, point
    return unified


def file_system(mounts: list[tuple[bytes, bytes, bytes, bytes]], device: bytes) -> bytes | None:
    """The type of the file system on ``device`` ("major:minor")."""
    for number, _, kind, _ in mounts:
        if number == device:
            return kind
    return None
