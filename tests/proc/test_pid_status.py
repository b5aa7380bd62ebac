"""/proc/PID/status."""

from __future__ import annotations

import pytest

from lastgasp.proc import pid_status
from proc.support import ARM64, ARMHF, MINUS_ONE, NO_NUMBERS, TREES, X86, of
from trees import Tree

HOSTILE = b"\x1b[31m\nb\\c\xff"


def found(raw: bytes) -> dict[bytes, int]:
    """Return what is not absent."""
    values = zip(pid_status.COLUMNS, pid_status.parse(raw), strict=True)
    return {name: value for name, value in values if value is not None}


class TestCapturedProcesses:
    @pytest.mark.parametrize(
        ("tree", "expected"),
        [
            (ARMHF, (8852, 0, 9212, 3780, 3104, 0, 22, None, 5148, 2, 361)),
            (ARM64, (10960, 0, 11580, 5068, 3740, 0, 76, None, 5320, 2, 359)),
            (X86, (21004, 0, 11640, 10512, 4484, 0, 80, None, 0, 2, 4)),
        ],
    )
    def test_a_process_that_was_swapped_out_where_there_is_swap(
        self, tree: Tree, expected: tuple[int | None, ...]
    ) -> None:
        assert pid_status.parse(of(tree, b"limited", "status")) == expected

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_kernel_threads_and_zombies_have_no_memory_lines(self, tree: Tree) -> None:
        for comm in (b"kswapd0", b"zombie"):
            assert set(found(of(tree, comm, "status"))) == {b"voluntary_ctxt_switches", b"nonvoluntary_ctxt_switches"}

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_users(self, tree: Tree) -> None:
        assert pid_status.uid(of(tree, b"nobody", "status")) == 65534
        assert pid_status.uid(of(tree, b"grower", "status")) == 0

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_a_name_with_a_newline_hides_nothing(self, tree: Tree) -> None:
        # The kernel wrote it as "\x1b[31m\\nb\\\\c\xff": the escape sequence is as it was.
        raw = of(tree, HOSTILE, "status")
        assert raw.startswith(b"Name:\t\x1b[31m\\nb\\\\c\xff\n")
        assert len(found(raw)) == 10
        assert pid_status.uid(raw) == 0


class TestOtherKernels:
    def test_4_9_tells_of_middle_page_tables(self) -> None:
        raw = b"Name:\tx\nVmPTE:\t      12 kB\nVmPMD:\t       8 kB\nVmSwap:\t       0 kB\n"
        assert found(raw) == {b"VmPTE": 12, b"VmPMD": 8, b"VmSwap": 0}

    def test_before_4_5_the_parts_of_rss_are_absent(self) -> None:
        assert found(b"Name:\tx\nVmHWM:\t     900 kB\nVmRSS:\t     800 kB\n") == {b"VmHWM": 900}


class TestNames:
    # What a process can call itself with prctl(PR_SET_NAME), in 15 bytes: only newline and backslash are escaped.
    @pytest.mark.parametrize("name", [b"\rVmPMD:\t99999999", b"VmPMD:\t99999999", b"\x0bVmPMD: 9", b"", b":", b"VmPMD"])
    def test_no_name_is_taken_for_a_line(self, name: bytes) -> None:
        raw = b"Name:\t" + name + b"\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nVmSwap:\t       3 kB\n"
        assert found(raw) == {b"VmSwap": 3}
        assert pid_status.uid(raw) == 1000


class TestWhatIsAbsent:
    def test_an_empty_file(self) -> None:
        assert pid_status.parse(b"") == (None,) * len(pid_status.COLUMNS)
        assert pid_status.uid(b"") is None

    @pytest.mark.parametrize("word", NO_NUMBERS)
    def test_a_value_that_makes_no_sense(self, word: bytes) -> None:
        assert found(b"VmHWM:\t%s kB\nVmSwap:\t 1 kB\n" % word.strip()) == {b"VmSwap": 1}
        assert pid_status.uid(b"Name:\tx\nUid:\t%s\t0\t0\t0\n" % word) in (None, 0)

    def test_a_line_without_a_value(self) -> None:
        assert found(b"VmHWM:\nVmSwap\nVmPTE:\t1 kB\n") == {b"VmPTE": 1}
        assert pid_status.uid(b"Name:\tx\nUid:\n") is None

    def test_a_line_that_was_cut_short(self) -> None:
        assert found(b"VmHWM:\t     900 kB\nVmSwap:\t   12") == {b"VmHWM": 900}
        assert pid_status.uid(b"Name:\tx\nUid:\t10") is None

    def test_a_value_below_zero_is_negative(self) -> None:
        assert found(b"VmSwap:\t%s kB\n" % MINUS_ONE) == {b"VmSwap": -1}

    def test_the_largest_user_is_one(self) -> None:
        assert pid_status.uid(b"Name:\tx\nUid:\t4294967295\t0\t0\t0\n") == 4294967295
