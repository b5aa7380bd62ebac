"""/proc/PID/smaps, summed by mapping."""

from __future__ import annotations

import itertools
import random

import pytest

from lastgasp.proc import pid_smaps
from proc.support import ARM64, ARMHF, NO_NUMBERS, TREES, X86, of
from trees import Tree

LIB = b"/lib/libfoo.so.1"
SIZE, RSS, PSS, ANONYMOUS, PRIVATE_DIRTY, SWAP = range(6)


def summed(raw: bytes) -> pid_smaps.Summary:
    summary = pid_smaps.Summary()
    summary.feed(raw)
    return summary


def area(span: str, access: str = "rw-p", name: bytes = b"", kb: int = 4) -> bytes:
    """Return an area as 6.1 prints it, all of it resident."""
    device = b"fe:00 25" if name[:1] == b"/" else b"00:00 0"
    head = f"{span} {access} 00000000 ".encode() + device + b" "
    return (head.ljust(49) + name if name else head) + (
        b"\nSize: %15d kB\nKernelPageSize:        4 kB\nRss: %16d kB\nPss: %16d kB\nPss_Dirty:             0 kB\n"
        b"Private_Dirty: %6d kB\nReferenced:            0 kB\nAnonymous: %10d kB\nAnonHugePages:         0 kB\n"
        b"Swap: %15d kB\nSwapPss:               0 kB\nTHPeligible:    0\nVmFlags: rd wr mr mw me ac \n"
    ) % (kb, kb, kb, kb, kb, kb)


def sizes(*areas: bytes) -> dict[bytes, int]:
    """Return the resident kB by name."""
    return {name: sums[RSS] for name, sums in summed(b"".join(areas)).totals.items()}


def columns(raw: bytes) -> list[int]:
    """Return the sums over all names."""
    return [sum(column) for column in zip(*summed(raw).totals.values(), strict=True)]


def with_smaps(tree: Tree) -> list[int]:
    return [pid for pid in tree.pids if tree.files.get(f"proc/{pid}/smaps")]


class TestCapturedProcesses:
    def test_a_shell_on_armhf(self) -> None:
        assert summed(of_shell(ARMHF)).totals == {
            b"/bin/busybox": [1276, 952, 153, 24, 24, 0],
            b"[heap]": [136, 8, 8, 8, 8, 0],
            b"[stack]": [132, 8, 8, 8, 8, 0],
            b"[sigpage]": [4, 0, 0, 0, 0, 0],
            b"[vvar]": [4, 0, 0, 0, 0, 0],
            b"[vdso]": [4, 4, 0, 0, 0, 0],
            b"[vectors]": [4, 0, 0, 0, 0, 0],
        }

    def test_a_shell_on_x86_64(self) -> None:
        totals = summed(of_shell(X86)).totals
        assert totals[b"/usr/bin/dash"] == [136, 132, 53, 16, 16, 0]
        assert totals[b"/usr/lib/x86_64-linux-gnu/libc.so.6"] == [1928, 1244, 61, 44, 44, 0]
        assert totals[b"[anon]"] == [20, 12, 12, 12, 12, 0]

    @pytest.mark.parametrize(("tree", "areas"), [(ARMHF, 42), (ARM64, 39)])
    def test_every_area_is_seen(self, tree: Tree, areas: int) -> None:
        assert summed(of(tree, b"grower", "smaps")).mappings == areas

    @pytest.mark.parametrize(("tree", "kb"), [(ARMHF, 744 + 4048), (ARM64, 1388 + 4076)])
    def test_a_heap_of_two_areas_is_one(self, tree: Tree, kb: int) -> None:
        assert summed(of(tree, b"grower", "smaps")).totals[b"[heap]"][RSS] == kb

    def test_a_library_has_its_bss(self) -> None:
        # b6dbe000-b6ecb000 and, nameless, b6ecb000-b6ed5000.
        assert summed(of(ARMHF, b"grower", "smaps")).totals[b"/lib/libc.so.6"][SIZE] == 1064 + 8 + 4 + 40
        # ffff95c90000-ffff95e32000 with a hole that nothing may touch, and ffff95e32000-ffff95e3f000.
        assert summed(of(ARM64, b"grower", "smaps")).totals[b"/lib/libc.so.6"][SIZE] == 1584 + 64 + 16 + 8 + 52

    def test_what_is_mapped_behind_a_library_by_chance_is_not_its_bss(self) -> None:
        # The module that was loaded last came to lie below 784 kB of the interpreter's arenas.
        totals = summed(of(ARMHF, b"grower", "smaps")).totals
        assert totals[b"/usr/lib/python3.11/lib-dynload/mmap.cpython-311-arm-linux-gnueabihf.so"][SIZE] == 24
        assert totals[b"[anon]"][SIZE] == 512 + 784 + 8

    @pytest.mark.parametrize("tree", [ARMHF, ARM64], ids=["armhf", "arm64"])
    def test_what_lies_behind_a_shared_file_is_not_its_bss(self, tree: Tree) -> None:
        totals = summed(of(tree, b"grower", "smaps")).totals
        for name in (b"/run/gone.log (deleted)", rb"/run/odd name\012\.log", b"/memfd:frames (deleted)"):
            assert totals[name] == [8, 8, 8, 0, 8, 0]
        assert totals[b"/dev/zero (deleted)"] == [64, 64, 64, 0, 64, 0]

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_kernel_threads_and_zombies_have_none(self, tree: Tree) -> None:
        for comm in (b"kswapd0", b"zombie"):
            summary = summed(of(tree, comm, "smaps"))
            assert (summary.mappings, summary.totals) == (0, {})

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_the_sums_are_the_kernels_own(self, tree: Tree) -> None:
        for pid in with_smaps(tree):
            summary = summed(tree.files[f"proc/{pid}/smaps"])
            rollup = dict(line.split(None, 1) for line in tree.files[f"proc/{pid}/smaps_rollup"].splitlines()[1:])
            kernel = {name.decode(): int(value.split()[0]) for name, value in rollup.items()}
            ours = columns(tree.files[f"proc/{pid}/smaps"])
            assert ours[RSS] == kernel["Rss:"]
            assert ours[ANONYMOUS] == kernel["Anonymous:"]
            assert ours[PRIVATE_DIRTY] == kernel["Private_Dirty:"]
            assert ours[SWAP] == kernel["Swap:"]
            # Shares are fractions of a page: the kernel rounds each area down here, and there only the sum.
            assert 0 <= kernel["Pss:"] - ours[PSS] < summary.mappings


def of_shell(tree: Tree) -> bytes:
    """Return the smaps of the captured shell."""
    (raw,) = (tree.files[f"proc/{pid}/smaps"] for pid in with_smaps(tree) if tree.files[f"proc/{pid}/comm"] == b"sh\n")
    return raw


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            b"[stack]",
            b"[vdso]",
            b"[anon:jemalloc]",  # since 5.17, and on Android before
            b"[anon:two words]",
            b"[anon_shmem:frames]",  # since 6.2
            b"/memfd:x (deleted)",
            b"/dev/shm/queue (deleted)",
            b"/SYSV0000abcd (deleted)",
            b"/lib/libfoo.so.1 (deleted)",
            b"/a  b",
            rb"/new\012line",
            b"/tab\tand\rall\x0bother\x0cspace",
            b"/VmFlags: Rss: 5 kB",
            b"/\x1b[31m\xff",
            b"anon_inode:i915.gem",
        ],
    )
    def test_they_stay_as_the_kernel_writes_them(self, name: bytes) -> None:
        assert sizes(area("1000-2000", "rw-s", name), area("3000-4000", "rw-s", name)) == {name: 8}

    def test_nameless_memory_is_anonymous(self) -> None:
        assert sizes(area("1000-2000"), area("5000-7000", kb=8)) == {b"[anon]": 12}

    def test_names_that_look_alike_are_told_apart(self) -> None:
        found = sizes(area("1000-2000", name=b"[heap]"), area("2000-3000", name=b"/x/[heap]"), area("5000-6000"))
        assert found == {b"[heap]": 4, b"/x/[heap]": 4, b"[anon]": 4}


class TestBss:
    TEXT = area("10000-20000", "r-xp", LIB, 64)
    DATA = area("20000-21000", "rw-p", LIB)
    ABOVE = area("1000-2000", "r-xp", b"/bin/prog")  # comes first, as programs do

    def test_it_is_the_nameless_memory_right_behind_the_data(self) -> None:
        assert sizes(self.ABOVE, self.TEXT, self.DATA, area("21000-23000", kb=8)) == {b"/bin/prog": 4, LIB: 76}

    def test_it_may_lie_behind_data_that_became_read_only(self) -> None:
        relro = area("20000-21000", "r--p", LIB)
        assert sizes(self.ABOVE, self.TEXT, relro, area("21000-23000", kb=8))[LIB] == 76

    def test_it_may_be_executable_on_machines_that_know_no_better(self) -> None:
        assert sizes(self.ABOVE, self.TEXT, self.DATA, area("21000-22000", "rwxp"))[LIB] == 72

    @pytest.mark.parametrize(
        "behind",
        [
            area("22000-23000"),  # not right behind
            area("21000-22000", "---p"),  # a guard page
            area("21000-22000", "r--p"),
            area("21000-33000", kb=72),  # larger than all of the library
            area("21000-22000", name=b"[anon:arena]"),
        ],
        ids=["gap", "guard", "read-only", "large", "named"],
    )
    def test_other_memory_is_not(self, behind: bytes) -> None:
        assert sizes(self.ABOVE, self.TEXT, self.DATA, behind)[LIB] == 68

    def test_only_the_first_area_behind_is(self) -> None:
        found = sizes(self.ABOVE, self.TEXT, self.DATA, area("21000-22000"), area("22000-23000"))
        assert found == {b"/bin/prog": 4, LIB: 72, b"[anon]": 4}

    def test_what_lies_behind_a_shared_mapping_is_not(self) -> None:
        shared = area("20000-21000", "rw-s", LIB)
        assert sizes(self.ABOVE, self.TEXT, shared, area("21000-22000")) == {b"/bin/prog": 4, LIB: 68, b"[anon]": 4}

    def test_a_program_has_as_much_as_it_likes(self) -> None:
        program = area("10000-11000", "r-xp", b"/bin/prog"), area("11000-12000", "rw-p", b"/bin/prog")
        assert sizes(*program, area("12000-c12000", kb=12288)) == {b"/bin/prog": 12296}

    def test_a_library_is_as_large_as_its_mappings_in_a_row(self) -> None:
        again = area("50000-51000", "rw-p", LIB)
        found = sizes(self.ABOVE, self.TEXT, self.DATA, area("40000-41000"), again, area("51000-53000", kb=8))
        assert found == {b"/bin/prog": 4, LIB: 72, b"[anon]": 12}


class TestPieces:
    def test_cut_in_two_anywhere_the_sums_are_the_same(self) -> None:
        raw = of_shell(ARMHF)
        whole = summed(raw)
        for cut in range(len(raw) + 1):
            summary = pid_smaps.Summary()
            summary.feed(raw[:cut])
            summary.feed(raw[cut:])
            assert (summary.totals, summary.mappings) == (whole.totals, whole.mappings), cut

    def test_byte_by_byte_the_sums_are_the_same(self) -> None:
        raw = of_shell(ARM64)
        summary = pid_smaps.Summary()
        for at in range(len(raw)):
            summary.feed(raw[at : at + 1])
        assert summary.totals == summed(raw).totals

    @pytest.mark.parametrize("seed", range(20))
    def test_cut_into_many_pieces_the_sums_are_the_same(self, seed: int) -> None:
        raw = of(ARMHF, b"grower", "smaps")
        rng = random.Random(seed)
        cuts = [0, *sorted(rng.choices(range(len(raw)), k=40)), len(raw)]
        summary = pid_smaps.Summary()
        for start, end in itertools.pairwise(cuts):
            summary.feed(raw[start:end])
        assert summary.totals == summed(raw).totals

    def test_a_reading_that_stops_early_has_what_it_saw(self) -> None:
        raw = of_shell(ARMHF)
        whole = summed(raw).totals
        for end in range(0, len(raw), 7):
            for name, sums in summed(raw[:end]).totals.items():
                assert all(ours <= all_of_it for ours, all_of_it in zip(sums, whole[name], strict=True))


class TestNonsense:
    @pytest.mark.parametrize("word", NO_NUMBERS)
    def test_a_value_that_makes_no_sense_is_not_summed(self, word: bytes) -> None:
        raw = area("1000-2000") + area("2000-3000").replace(b"Rss:                4", b"Rss: " + word)
        assert sizes(raw) == {b"[anon]": 4}

    def test_an_area_that_makes_no_sense_does_not_count_for_the_one_before_it(self) -> None:
        good = area("1000-2000", name=b"[heap]")
        for head in (b"x-y rw-p", b"1000 rw-p", b"-2000 rw-p", b"2000-3000", b"nonsense"):
            bad = head + b"\n" + area("2000-3000").partition(b"\n")[2]
            summary = summed(good + bad)
            assert ({name: sums[RSS] for name, sums in summary.totals.items()}, summary.mappings) == ({b"[heap]": 4}, 1)

    def test_fields_before_any_area_are_nobodys(self) -> None:
        assert summed(b"Rss: 4 kB\n\nSize:\nPss: \n").totals == {}

    def test_the_largest_address_space_there_is(self) -> None:
        raw = area("0-100000000000000").replace(b"Size:               4", b"Size:  72057594037927")
        assert summed(raw).totals[b"[anon]"][SIZE] == 72057594037927


def test_of_a_very_long_name_the_middle_is_left_out_and_no_memory_is_lost() -> None:
    """Names come from an adversary: 20 ms of them, whole, would be megabytes of the agent's memory."""
    summary = pid_smaps.Summary()
    for number, library in enumerate((b"liba.so", b"libb.so", b"liba.so")):
        start = 0x10000 + number * 0x100000
        folder = b"/data/" + b"x" * 3000
        summary.feed(b"%x-%x rw-p 00000000 00:00 5    %s/%s\nRss: 100 kB\n" % (start, start + 4096, folder, library))
    assert {name[-7:]: sums[1] for name, sums in summary.totals.items()} == {b"liba.so": 200, b"libb.so": 100}
    assert all(len(name) == pid_smaps.NAME_LIMIT and name.startswith(b"/data/x") for name in summary.totals)
