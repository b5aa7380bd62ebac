"""``run --wait``: opening a ring whose place is not there yet, as when the agent starts before the data partition.

Loaded once and dropped. What may come by itself is waited for, however long that takes: a mount, a device, a folder,
a file system that can be written. All else is refused at once, with ``ring_file.RingError`` as without waiting.
What is waited for is said in one line when it takes SAY_MS; that it goes on is a note of the ring, so it is said
and recorded, too. systemd, if it started us, is told at once that nobody needs to wait for the agent.
"""

import posix
import select

from lastgasp.proc import files, mounts
from lastgasp.recorder import complain, once
from lastgasp.recorder.clocks import boot_ms, read_boot_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from lastgasp.recorder.config import Config
    from lastgasp.recorder.notify import Notify
    from lastgasp.recorder.ring_file import OpenedRing

SAY_MS = 10_000
LOOK_MS = 1000  # devices and folders come without a word; mounts are told by the kernel
# errno of what may be there later: no such file, device or folder (2, 6, 19, 123), in use by fsck (16), read-only (30)
COMING = (2, 6, 16, 19, 30, 123)


def open_ring(
    opener: "ModuleType", config: "Config", notify: "Notify | None", root: bytes = b"/", say_ms: int = SAY_MS
) -> "OpenedRing":
    """``opener.open_ring`` (``opener`` is ``ring_file``) as soon as that is possible. Raises RingError."""
    began = boot_ms()
    poller = select.poll()
    try:  # tells of every mount by POLLPRI and POLLERR (mounts_poll in fs/proc_namespace.c)
        table = posix.open(root + b"proc/self/mountinfo", posix.O_RDONLY | posix.O_CLOEXEC)
        poller.register(table, select.POLLPRI)
    except OSError:
        table = -1
    waited_for = said = ""
    try:
        while True:
            try:
                missing = unmounted(config, root)
                if missing:
                    raise opener.RingError(missing, COMING[0])
                if notify is not None and not has_its_size(config):
                    notify.is_up(b"making the ring")  # takes long on a slow medium
                ring: OpenedRing = opener.open_ring(config, read_boot_id(root), root)
                break
            except opener.RingError as error:
                if error.errno not in COMING:
                    raise
                if not waited_for:
                    with once.borrowed("recorder.protect") as protect:
                        protect.set_name()  # who looks who that is finds "exe" otherwise
                waited_for = str(error)
            now = boot_ms()
            if notify is not None:
                notify.is_up(b"waiting: " + waited_for.encode("utf-8", "surrogateescape"))
                notify.beat(now, now)
            if now - began >= say_ms and waited_for != said:
                said = waited_for
                complain(f"waiting, nothing is recorded: {waited_for}", 0)
            poller.poll(LOOK_MS)
    finally:
        files.close(table)
    if waited_for:
        ring.notes.append(f"recording began after {(boot_ms() - began) / 1000:.1f} s of waiting: {waited_for}")
    return ring


def unmounted(config: "Config", root: bytes) -> str:
    """What has to be mounted before the ring may be made, and is not; empty if nothing.

    Without ``ring_mount`` that is the mount point of /etc/fstab that the ring is below, unless it is "noauto": an
    empty folder on the root file system looks like a partition that was mounted.
    """
    if config.ring_mount:
        return ""  # ring_file looks at that
    path = config.ring_path.encode("utf-8", "surrogateescape")
    wanted = b""
    for line in files.lines(root + b"etc/fstab"):
        words = line.split()
        if len(words) < 4 or words[0].startswith(b"#") or b"noauto" in words[3].split(b","):
            continue
        point = mounts.unescape(words[1]).rstrip(b"/")
        if len(point) > len(wanted) and path.startswith(point + b"/"):
            wanted = point
    if not wanted or any(found[1] == wanted for found in mounts.parse(files.lines(root + b"proc/self/mountinfo"))):
        return ""
    return f"{config.ring_path}: nothing is mounted on {wanted.decode('utf-8', 'surrogateescape')} (/etc/fstab)"


def has_its_size(config: "Config") -> bool:
    """Is the ring there already, as large as it has to be, or a device?"""
    try:
        status = posix.stat(config.ring_path)
    except OSError:
        return False
    return status.st_size >= config.ring_size or status.st_mode & 0o170000 == 0o060000
