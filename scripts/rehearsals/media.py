"""Where a ring may be: how each medium comes to be in a guest, and who tells how much is programmed on it."""

from dataclasses import dataclass
from pathlib import Path

from bed import tools
from bed.errors import require

RING = "/media/ring"
DISK_SIZE = 64 << 20
MODULES = ["crc32_generic", "f2fs", "overlay", "nandsim", "ubi", "ubifs", "jffs2", "zstd", "deflate", "lzo"]
PROGRAMS = [("mtd-utils", f"usr/sbin/{name}") for name in ("ubiattach", "ubidetach", "ubimkvol", "nanddump")]
PACKAGES = {"mke2fs": "e2fsprogs", "mkfs.f2fs": "f2fs-tools"}

# The disk under a name that does not depend on how many there are.
FIND_DISK = (
    "mkdir -p /media; disk=$(grep -l -x medium /sys/block/*/serial); ln -s ${disk%/serial} /run/disk;"
    " mknod /dev/medium b $(tr : ' ' < /run/disk/dev)"
)
SECTORS = "awk '{ printf \"%.0f\\n\", $7 * 512 }' /run/disk/stat"
# A histogram of the lengths that are programmed: the simulator itself counts erasures only.
COUNT = """echo 'p:programmed mtd_write_oob len=+4(+0(%sp)):u32' > /sys/kernel/tracing/kprobe_events
echo 'hist:keys=len' > /sys/kernel/tracing/events/kprobes/programmed/trigger"""
NAND = f"""mkdir -p /media
modprobe nandsim first_id_byte=0x20 second_id_byte=0xa1 third_id_byte=0x00 fourth_id_byte=0x15 {{options}}
for module in zstd deflate lzo ubi ubifs jffs2; do modprobe $module; done
{COUNT}"""
# Metadata a second after the data, so that every write has its own: on a device minutes lie between two writes.
AT_ONCE = "echo 100 > /proc/sys/vm/dirty_expire_centisecs; echo 50 > /proc/sys/vm/dirty_writeback_centisecs"
PROGRAMMED = (
    "sed -n 's/.*len: *\\([0-9]*\\) .*hitcount: *\\([0-9]*\\).*/\\1 \\2/p'"
    " /sys/kernel/tracing/events/kprobes/programmed/hist | awk '{ n += $1 * $2 } END { printf \"%.0f\\n\", n }'"
)
# The whole chip with its spare areas, as a programmer reads it.
NAND_DUMP = "/usr/sbin/nanddump -o --bb=dumpbad /dev/mtd0 2> /dev/null | gzip -1 > /run/dump.gz"
UBI_ATTACH = "/usr/sbin/ubiattach -p /dev/mtd0 > /dev/null"
UBI_DETACH = "/usr/sbin/ubidetach -p /dev/mtd0 > /dev/null"


@dataclass(frozen=True, slots=True)
class Medium:
    """One of them. ``find`` is run in the guest once a boot, ``mount`` and ``unmount`` around each run of the agent."""

    name: str
    find: str
    mount: str
    unmount: str = "umount /media"
    written: str = SECTORS  # prints the bytes that were programmed since the boot
    make: tuple[str, ...] | None = None  # on the host, with the image behind it; None: no disk, but NAND
    ring: str = RING
    kept_from: str | None = "root"  # whoever fills it up cannot take the ring's room; None: anybody can

    @property
    def is_file(self) -> bool:
        """Is the ring a file among others?"""
        return self.ring == RING

    def image(self, image: Path, bare_size: int) -> Path:
        """Make the disk: with a file system, or as large as said and with nothing on it."""
        with open(image, "wb") as file:
            file.truncate(DISK_SIZE if self.make else bare_size)
        if self.make:
            tools.run([require(self.make[0], PACKAGES[self.make[0]]), *self.make[1:], str(image)])
        return image


MEDIA = (
    Medium("raw disk", FIND_DISK, ":", ":", make=(), ring="/dev/medium"),
    Medium(
        "ext4",
        FIND_DISK,
        "mount -t ext4 -o commit=1 /dev/medium /media",
        make=("mke2fs", "-q", "-F", "-b", "4096", "-t", "ext4"),
    ),
    Medium(
        "f2fs",
        f"{FIND_DISK}; modprobe crc32_generic; modprobe f2fs",
        "mount -t f2fs /dev/medium /media && echo 1 > $(echo /sys/fs/f2fs/*/cp_interval)",
        make=("mkfs.f2fs", "-q", "-f"),
    ),
    Medium(
        "UBIFS",
        f"{NAND.format(options='')}\n{UBI_ATTACH} && /usr/sbin/ubimkvol /dev/ubi0 -N log -s 16MiB > /dev/null\n"
        f"{UBI_DETACH}",
        f"{UBI_ATTACH} && mount -t ubifs ubi0:log /media",
        f"umount /media && {UBI_DETACH}",
        PROGRAMMED,
        kept_from="nobody",
    ),
    Medium("JFFS2", NAND.format(options="parts=128"), "mount -t jffs2 mtd0 /media", written=PROGRAMMED, kept_from=None),
)
