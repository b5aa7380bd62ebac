"""Capture a tree of /proc and /sys from a booted guest in which something happens."""

from .guest import Guest
from .userland import INSIDE

ROOT = "64M"
"""A disk, because mappings of a file on the initramfs look like nothing that a device has."""
MODULES = ["zram", "lzo", "lzo_rle"]
FILES = [
    (INSIDE / "scene.py", "usr/bin/scene.py"),
    (INSIDE.parents[1] / "capture-proc", "usr/bin/capture-proc"),
]
ZRAM_BYTES = 16 << 20
START_S = 60
# A kernel without zram has no swap then, and the tree says so. The log message is one that a hostile or
# broken program may write: an escape sequence, a backslash, bytes that are no text.
SCENE = f"""
printf '<12>scene: \\033[31mred\\033[0m back\\\\slash \\377 a;b,c=d\\n' > /dev/kmsg
modprobe zram && echo {ZRAM_BYTES} > /sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0
python3 -I -S /usr/bin/scene.py /run/pids > /run/scene.out 2>&1 &
for second in $(seq {START_S}); do
    [ -e /run/pids ] && exit 0
    sleep 1
done
cat /run/scene.out
exit 1
"""


def capture(guest: Guest) -> bytes:
    """Start the scene in a guest that was set up with FILES and MODULES; return the tree's text."""
    guest.check(SCENE, timeout_s=2 * START_S)
    pids, mapped = guest.check("cat /run/pids").split()
    guest.check(f"python3 -I -S /usr/bin/capture-proc -o /run/tree --only {pids} --smaps {mapped}")
    return guest.pull("/run/tree")
