"""Opening the ring when the agent starts: the file, its lock, its size, what it stands on, what it holds.

Loaded once and dropped. Every refusal is one ``RingError`` whose text names the path and the remedy; what is
merely worth knowing is in ``OpenedRing.notes``.
"""

import posix

from lastgasp.proc import files, mounts
from lastgasp.recorder import once
from lastgasp.ring import pmsg, prepare
from lastgasp.ring.format import FLAG_RECOVERED, HEADER, MIN_SLOTS
from lastgasp.ring.storage import FileStorage
from lastgasp.ring.writer import Place, compress, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

VOLATILE = (b"tmpfs", b"ramfs", b"devtmpfs", b"rootfs")
ERRORS = {
    1: "not permitted",
    2: "no such folder",
    13: "permission denied: run as root, or set ring_path",
    16: "is in use: mounted, or written by another agent",
    20: "not a folder on the way",
    21: "is a folder: name a file in it",
    28: "no space left on the file system: set a smaller ring_size, or make room",
    30: "read-only file system: set ring_path to a partition that can be written",
}
FOLDER, BLOCK_DEVICE = 0o040000, 0o060000
KINDS = {0o010000: "a pipe", 0o020000: "a character device", 0o120000: "a symbolic link", 0o140000: "a socket"}
NO_FALLOCATE = (22, 38, 95)  # errno where a file system has none; glibc emulates it, musl and uClibc do not
PSTORE = b"sys/fs/pstore/"


class RingError(Exception):
    """The ring cannot be used; str() is the line to show, ``errno`` what the system said, 0 if it was not asked."""

    def __init__(self, text: str, errno: int = 0) -> None:
        super().__init__(text)
        self.errno = errno


class OpenedRing:
    """A ring ready to be written."""

    __slots__ = (
        "block_size", "covered_ms", "early_writes", "end_ms", "file_system", "notes", "place", "same_boot", "storage",
    )  # fmt: skip

    def __init__(self, storage: FileStorage, place: Place, block_size: int) -> None:
        self.storage = storage
        self.place = place
        self.block_size = block_size
        self.same_boot = False  # the newest block in it is of this boot
        self.end_ms = 0  # and begins then
        self.early_writes = 0  # that the blocks in it tell of
        self.covered_ms = 0  # for how long machines ran while they were written
        self.file_system = b""  # type, empty if unknown
        self.notes: list[str] = []


def open_ring(config: "Config", boot_id: bytes, root: bytes = b"/") -> OpenedRing:
    """Open, lock, create or extend the ring and find the place to go on. Raises RingError."""
    path = config.ring_path
    if config.ring_mount and not is_mounted(config.ring_mount, root):
        raise RingError(f"{path}: nothing is mounted on {config.ring_mount}; mount it, or correct ring_mount", 2)
    try:
        fd = _open(path)
        storage = FileStorage(fd)
        try:
            posix.lockf(fd, posix.F_TLOCK, 0)
        except OSError as error:
            if error.errno in (11, 13):
                raise RingError(f"{path}: another agent writes to this ring; stop it, or set ring_path") from None
            raise
        status = posix.fstat(fd)
        device = status.st_mode & 0o170000 == BLOCK_DEVICE
        size, notes = storage.size(), []
        seen = min(size, config.ring_size) if device else size
        with once.borrowed("recorder.slots") as visitor:  # a ring keeps the block size that it began with
            block_size: int = visitor.block_size(fd, seen, config.block_size)
        if size < config.ring_size and not device:
            if size:
                notes.append(f"ring grows from {size} to {config.ring_size} bytes")
            _extend(storage, size, config.ring_size, block_size)
            size = config.ring_size
        elif size > config.ring_size and not device:
            notes.append(f"ring keeps its size of {size} bytes; to shrink it, remove {path} and restart")
        if device:
            size = min(size, config.ring_size)
    except OSError as error:
        raise RingError(f"{path}: {ERRORS.get(error.errno or 0, error.strerror)}", error.errno or 0) from None
    slots = size // block_size
    if slots < MIN_SLOTS:
        raise RingError(f"{path}: {size} bytes is too small; a ring needs {MIN_SLOTS * block_size}")
    found = prepare.find_place(storage, slots, block_size)
    if found.newer_format:
        notes.append("ring holds blocks of a newer lastgasp; they will be overwritten in turn")
    ring = OpenedRing(storage, found.place or Place(prepare.new_ring_id(), slots, 0, 0, 0), block_size)
    ring.notes = notes
    if config.pmsg:
        _recover(ring, found, root)
    ring.same_boot = found.boot_id == boot_id
    ring.end_ms = found.end_ms
    ring.early_writes = found.early_writes
    ring.covered_ms = found.covered_ms
    if device:
        ring.file_system = b"none: a block device"
    else:
        _look_at_medium(ring, path, root)
    return ring


def _open(path: str) -> int:
    """Only files and block devices: to open others does things, and on a bare flash device a ring is destruction."""
    flags = posix.O_RDWR | posix.O_CLOEXEC | posix.O_CREAT | posix.O_NOFOLLOW
    try:
        kind = posix.lstat(path).st_mode & 0o170000
        if kind in KINDS:
            raise RingError(f"{path}: is {KINDS[kind]}: name a file or a block device")
        if kind == BLOCK_DEVICE:  # refused while something is mounted from it
            return posix.open(path, posix.O_RDWR | posix.O_CLOEXEC | posix.O_EXCL)
    except FileNotFoundError:
        if is_device_name(path):
            raise RingError(f"{path}: no such device", 2) from None
    try:
        return posix.open(path, flags, 0o600)
    except FileNotFoundError:
        folder = path.rpartition("/")[0]
        if not folder:
            raise
        posix.mkdir(folder, 0o700)
        return posix.open(path, flags, 0o600)


def _extend(storage: FileStorage, size: int, wanted: int, block_size: int) -> None:
    """Make the file as large as the ring; where there is no room for that, take none. Raises OSError."""
    try:
        if not size:
            try:
                posix.posix_fallocate(storage.fd, 0, wanted)
            except OSError as error:
                if error.errno not in NO_FALLOCATE:
                    raise
        prepare.fill(storage, size, wanted, block_size)
    except OSError:
        try:
            posix.ftruncate(storage.fd, size)
        except OSError:
            pass
        raise


def _look_at_medium(ring: OpenedRing, path: str, root: bytes) -> None:
    ring.file_system = file_system(path, root)
    doubt = doubts(ring.file_system)
    if doubt:
        ring.notes.append(f"{path} {doubt}")


def is_device_name(path: str) -> bool:
    """No file is made there: it would be memory, and take the place of a device that comes later."""
    return path.startswith("/dev/") and not path.startswith("/dev/shm/")


def is_mounted(point: str, root: bytes = b"/") -> bool:
    """Is something mounted exactly there? An automounter is, too: opening the ring has it mount."""
    wanted = point.rstrip("/").encode("utf-8", "surrogateescape") or b"/"
    return any(found[1] == wanted for found in mounts.parse(files.lines(root + b"proc/self/mountinfo")))


def file_system(path: str, root: bytes = b"/") -> bytes:
    """The type of the file system that a path is on, empty if unknown."""
    mounted = mounts.parse(files.lines(root + b"proc/self/mountinfo"))
    # On overlay a file has a device that is in no table of mounts; its folder has that of the mount.
    for place in (path, path.rpartition("/")[0] or "/"):
        try:
            number = posix.stat(place).st_dev
        except OSError:
            continue
        kind = mounts.file_system(mounted, b"%d:%d" % (posix.major(number), posix.minor(number)))
        if kind:
            return kind
    return b""


def doubts(kind: bytes) -> str:
    """What is to be said against a type of file system, empty if nothing."""
    if kind == b"overlay":
        return "is on overlay: it outlives a power cycle only if the upper folder does"
    return f"is on {kind.decode()}: it will not outlive a power cycle" if kind in VOLATILE else ""


def _recover(ring: OpenedRing, found: prepare.Found, root: bytes) -> None:
    """Write what persistent RAM kept of the last block, if it is more than flash has of it."""
    place = ring.place
    for name in files.names(root + PSTORE) or ():
        if not name.startswith(b"pmsg-ramoops"):
            continue
        recovered = pmsg.recover(files.read_all(root + PSTORE + name, 1 << 20) or b"", place.ring_id)
        if recovered is None:
            continue
        newest = place.block_number - 1
        if recovered.block_number < newest or (
            recovered.block_number == newest and len(recovered.payload) <= found.raw_size
        ):
            continue
        payload = recovered.payload
        capacity = ring.block_size - HEADER.size - 4
        encoding, packed = compress(payload)
        while len(packed) > capacity:
            payload = pmsg.without_last_record(payload)
            encoding, packed = compress(payload)
        block = bytearray(ring.block_size)
        place.block_number = recovered.block_number
        base_ns = recovered.base_ms * 1_000_000
        seal(
            block, recovered.flags | FLAG_RECOVERED, encoding, packed, len(payload), place, place.head,
            recovered.boot_id, base_ns, base_ns + recovered.wall_offset_ns,
        )  # fmt: skip
        try:
            ring.storage.write(place.head * ring.block_size, block)
            ring.storage.sync()
        except OSError:
            ring.notes.append("samples found in persistent RAM could not be written to the ring")
            continue
        place.head = (place.head + 1) % place.slots
        place.write_number += 1
        place.block_number += 1
        ring.notes.append(f"{len(payload)} bytes of samples recovered from persistent RAM")
