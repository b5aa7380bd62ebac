"""Command lines and control groups of processes."""

from __future__ import annotations

import pytest

from lastgasp.proc import pid_identity
from proc.support import ARM64, ARMHF, TREES, X86, of
from trees import Tree

HYBRID = b"9:name=systemd:/\n4:memory:/a\n1:cpu:/b\n0::/c\n"


class TestCommandLine:
    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_of_a_shell(self, tree: Tree) -> None:
        shells = [pid for pid in tree.pids if tree.files[f"proc/{pid}/comm"] == b"sh\n"]
        found = [pid_identity.command_line(tree.files[f"proc/{pid}/cmdline"], 256) for pid in shells]
        assert found == [b"sh -c sleep 3600; :", b"sh -c sleep 3600; : two\nlines \xff\x1b[2J"]

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_kernel_threads_and_zombies_have_none(self, tree: Tree) -> None:
        for comm in (b"kswapd0", b"zombie"):
            assert pid_identity.command_line(of(tree, comm, "cmdline"), 256) == b""

    def test_it_is_cut_to_the_limit(self) -> None:
        assert pid_identity.command_line(b"python3\0-I\0-S\0", 9) == b"python3 -"

    def test_an_empty_argument_in_the_middle_stays(self) -> None:
        assert pid_identity.command_line(b"a\0\0b\0", 9) == b"a  b"

    def test_a_title_that_a_process_wrote_over_its_arguments_is_shown_as_it_is(self) -> None:
        assert pid_identity.command_line(b"nginx: worker process\0\0\0\0", 99) == b"nginx: worker process"


class TestMemoryGroup:
    def test_captured_groups_of_version_2(self) -> None:
        for tree in (ARMHF, ARM64):
            assert pid_identity.memory_group(of(tree, b"limited", "cgroup")) == b"/scene/inner"
            assert pid_identity.memory_group(of(tree, b"grower", "cgroup")) == b"/"

    def test_captured_groups_of_version_1(self) -> None:
        assert pid_identity.memory_group(of(X86, b"limited", "cgroup")) == b"/scene/inner"
        assert pid_identity.memory_group(of(X86, b"grower", "cgroup")) == b"/"

    def test_the_memory_hierarchy_of_version_1_wins(self) -> None:
        assert pid_identity.memory_group(HYBRID) == b"/a"
        assert pid_identity.memory_group(b"5:cpu,memory,pids:/d\n0::/c\n") == b"/d"

    def test_else_it_is_version_2(self) -> None:
        assert pid_identity.memory_group(HYBRID.replace(b"4:memory:/a\n", b"")) == b"/c"

    def test_a_hierarchy_that_is_only_named_so_does_not_count(self) -> None:
        assert pid_identity.memory_group(b"9:name=memory:/x\n0::/c\n") == b"/c"

    def test_a_path_may_hold_colons_and_all_white_space_but_a_newline(self) -> None:
        # The kernel escapes nothing here, and refuses names with a newline.
        for path in (b"/a:b::/c", b"/:memory:/x", b"/a b", b"/a\r0::/forged", b"/a\x0b\x0c\t", b"/\xff\x1b[m"):
            assert pid_identity.memory_group(b"0::" + path + b"\n") == path
            assert pid_identity.memory_group(b"4:memory:" + path + b"\n0::/c\n") == path

    def test_a_group_that_was_removed_says_so(self) -> None:
        assert pid_identity.memory_group(b"0::/gone (deleted)\n") == b"/gone (deleted)"

    @pytest.mark.parametrize("raw", [b"", b"\n", b"0:\n", b"0:memory\n", b"1:cpu:/x\n", b"0::/cut"])
    def test_there_may_be_none(self, raw: bytes) -> None:
        assert pid_identity.memory_group(raw) is None
