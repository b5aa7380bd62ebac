"""/proc/self/mountinfo (fs/proc_namespace.c): what is mounted where."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def parse(lines: "Iterable[bytes]") -> list[tuple[bytes, bytes, bytes, bytes]]:
    """(device "major:minor", mount point, file system type, super options), in order of mounting."""
    found = []
    for line in lines:
        # One space separates; other white space can stand in a name, and a device's name can be empty.
        before, _, after = line.partition(b" - ")
        words, rest = before.split(b" "), after.split(b" ", 2)
        if len(words) >= 6 and len(rest) == 3:
            found.append((words[2], unescape(words[4]), rest[0], rest[2]))
    return found


def unescape(path: bytes) -> bytes:
    """Space, tab, newline and backslash are written as three octal digits (seq_path)."""
    out, *parts = path.split(b"\\")
    for part in parts:
        octal = part[:3]
        try:
            out += bytes((int(octal, 8),)) + part[3:] if len(octal) == 3 and octal.isdigit() else b"\\" + part
        except ValueError:  # 8 or 9, or more than a byte
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
