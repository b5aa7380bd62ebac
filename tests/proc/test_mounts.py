"""/proc/self/mountinfo."""

from __future__ import annotations

import pytest

from lastgasp.proc import mounts
from proc.support import ARM64, ARMHF, X86, lines

MEMORY_V1 = b"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory"
UNIFIED = b"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"


class TestCapturedMounts:
    def test_armhf(self) -> None:
        found = mounts.parse(lines("proc/self/mountinfo", ARMHF))
        assert len(found) == 11
        assert found[0] == (b"0:5", b"/dev", b"devtmpfs", b"rw,size=45668k,nr_inodes=11417,mode=755")
        assert found[1] == (b"254:0", b"/", b"ext4", b"rw")
        assert found[10] == (b"0:23", b"/sys/fs/cgroup", b"cgroup2", b"rw")

    def test_their_memory_controllers(self) -> None:
        for tree, expected in (
            (ARMHF, (2, b"/sys/fs/cgroup")),
            (ARM64, (2, b"/sys/fs/cgroup")),
            (X86, (1, b"/sys/fs/cgroup/memory")),
        ):
            assert mounts.memory_controller(mounts.parse(lines("proc/self/mountinfo", tree))) == expected

    def test_their_root_file_systems(self) -> None:
        for tree in (ARMHF, ARM64, X86):
            assert mounts.file_system(mounts.parse(lines("proc/self/mountinfo", tree)), b"254:0") == b"ext4"


class TestParse:
    def test_tagged_fields_may_be_none_or_many(self) -> None:
        for tags in (b"", b"shared:2 ", b"shared:2 master:1 propagate_from:3 unbindable "):
            line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime " + tags + b"- ext3 /dev/root rw,errors=continue"
            assert mounts.parse([line]) == [(b"98:0", b"/mnt2", b"ext3", b"rw,errors=continue")]

    def test_a_mount_point_may_hold_white_space_and_anything_else(self) -> None:
        # Space, tab, newline and backslash come as octal numbers, other white space as it is.
        for written, meant in (
            (rb"/a\040b", b"/a b"),
            (rb"/a\011b\012c\134d", b"/a\tb\nc\\d"),
            (rb"/a\040-\040b", b"/a - b"),
            (b"/a\rb\x0bc\x0cd", b"/a\rb\x0bc\x0cd"),
            (b"/\x1b[31m\xff", b"/\x1b[31m\xff"),
        ):
            assert mounts.parse([b"36 35 98:0 / " + written + b" rw - ext3 /dev/root rw"]) == [
                (b"98:0", meant, b"ext3", b"rw")
            ]

    def test_a_device_may_have_an_empty_name(self) -> None:
        # As `mount -t tmpfs "" /mnt` leaves it.
        assert mounts.parse([b"36 35 0:9 / /mnt rw -" + b" tmpfs  rw"]) == [(b"0:9", b"/mnt", b"tmpfs", b"rw")]

    @pytest.mark.parametrize(
        "line", [b"", b"36 35 98:0 / /mnt", b"36 35 98:0 / /mnt rw", b"36 35 98:0 / /mnt rw - ext3 root"]
    )
    def test_what_is_no_mount_is_left_out(self, line: bytes) -> None:
        assert mounts.parse([line]) == []


class TestUnescape:
    @pytest.mark.parametrize("byte", [0o011, 0o012, 0o040, 0o043, 0o134, 0, 0o377])
    def test_three_octal_digits_are_a_byte(self, byte: int) -> None:
        assert mounts.unescape(b"/x\\%03oy" % byte) == b"/x%cy" % byte

    @pytest.mark.parametrize(
        "path",
        [b"/plain", b"\\", b"\\\\", b"/x\\4", b"/x\\40", b"/x\\089", b"/x\\777", b"/x\\0o7", b"/x\\+12", b"/x\\ 12"],
    )
    def test_anything_else_stays_as_it_is(self, path: bytes) -> None:
        assert mounts.unescape(path) == path

    def test_an_escaped_backslash_escapes_nothing(self) -> None:
        assert mounts.unescape(rb"/x\134040") == rb"/x\040"


class TestMemoryController:
    def test_version_1_wins_where_both_are_mounted(self) -> None:
        for both in ([MEMORY_V1, UNIFIED], [UNIFIED, MEMORY_V1]):
            assert mounts.memory_controller(mounts.parse(both)) == (1, b"/sys/fs/cgroup/memory")

    def test_it_may_be_mounted_with_others(self) -> None:
        line = MEMORY_V1.replace(b"rw,memory", b"rw,cpu,memory,pids")
        assert mounts.memory_controller(mounts.parse([line])) == (1, b"/sys/fs/cgroup/memory")

    def test_a_hierarchy_that_is_only_named_so_is_none(self) -> None:
        assert mounts.memory_controller(mounts.parse([MEMORY_V1.replace(b"rw,memory", b"rw,name=memory")])) is None

    def test_the_first_mount_of_version_2_counts(self) -> None:
        again = UNIFIED.replace(b"/unified", b"/again")
        assert mounts.memory_controller(mounts.parse([UNIFIED, again])) == (2, b"/sys/fs/cgroup/unified")

    def test_there_may_be_none(self) -> None:
        assert mounts.memory_controller([]) is None


def test_a_device_that_is_not_mounted_has_no_file_system() -> None:
    assert mounts.file_system(mounts.parse([MEMORY_V1]), b"0:33") is None
