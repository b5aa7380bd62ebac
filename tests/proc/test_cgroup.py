"""Memory control groups, version 1 and 2."""

from __future__ import annotations

import pytest

from lastgasp.proc import cgroup
from proc.support import ARM64, ARMHF, NO_NUMBERS, X86
from trees import Tree

V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"

EVENTS_4_9 = b"low 0\nhigh 0\nmax 5\noom 1\n"
EVENTS_4_13 = b"low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\n"
# Captured from 6.1 after a kill with memory.oom.group: the group event's name begins like the kills'.
EVENTS_6_1 = b"low 0\nhigh 0\nmax 18\noom 1\noom_kill 4\noom_group_kill 1\n"


def group(tree: Tree, folder: str, names: tuple[bytes, ...]) -> list[bytes | None]:
    return [tree.files.get(f"{folder}/{name.decode()}") for name in names]


class TestVersion2:
    @pytest.mark.parametrize(
        ("tree", "folder", "expected"),
        [
            (ARMHF, "scene", (1081344, 16777216, 5410816, 0, 0)),
            (ARMHF, "scene/inner", (1077248, None, 5410816, 0, 0)),
            (ARM64, "scene", (1126400, 16777216, 5509120, 0, 0)),
            (ARM64, "scene/inner", (1118208, None, 5509120, 0, 0)),
        ],
    )
    def test_captured_groups(self, tree: Tree, folder: str, expected: tuple[int | None, ...]) -> None:
        assert cgroup.parse_v2(*group(tree, f"{V2}/{folder}", cgroup.FILES_V2)) == expected

    def test_the_root_group_has_no_files_and_so_no_values(self) -> None:
        raws = group(ARMHF, V2, cgroup.FILES_V2)
        assert raws == [None] * 4
        assert cgroup.parse_v2(*raws) == (None,) * 5

    def test_max_is_no_limit(self) -> None:
        assert cgroup.parse_v2(b"4096\n", b"max\n", b"0\n", EVENTS_6_1)[1] is None

    def test_a_limit_of_nothing_is_a_limit(self) -> None:
        assert cgroup.parse_v2(b"0\n", b"0\n", b"0\n", EVENTS_6_1)[1] == 0

    def test_without_swap_accounting_swap_is_absent(self) -> None:
        assert cgroup.parse_v2(b"4096\n", b"max\n", None, EVENTS_6_1) == (4096, None, None, 18, 4)

    def test_group_kills_are_not_taken_for_kills(self) -> None:
        assert cgroup.parse_v2(None, None, None, EVENTS_6_1)[3:] == (18, 4)
        assert cgroup.parse_v2(None, None, None, b"oom_group_kill 1\nmax 2\n")[3:] == (2, None)

    def test_kills_are_absent_before_4_13(self) -> None:
        assert cgroup.parse_v2(None, None, None, EVENTS_4_9)[3:] == (5, None)
        assert cgroup.parse_v2(None, None, None, EVENTS_4_13)[3:] == (5, 2)


class TestVersion1:
    @pytest.mark.parametrize(
        ("folder", "expected"),
        [
            (V1, (342151168, None, 0, 0, 0)),
            (f"{V1}/scene", (6811648, 16777216, 0, 0, 0)),
            (f"{V1}/scene/inner", (6549504, None, 0, 0, 0)),
        ],
    )
    def test_captured_groups(self, folder: str, expected: tuple[int | None, ...]) -> None:
        assert cgroup.parse_v1(*group(X86, folder, cgroup.FILES_V1)) == expected

    @pytest.mark.parametrize(
        ("pages", "page"),
        [((2**63 - 1) // page, page) for page in (4096, 16384, 65536)]
        + [(2**31 - 1, page) for page in (4096, 16384, 65536)],
    )
    def test_page_counter_max_is_no_limit_whatever_the_page_size_and_word_size(self, pages: int, page: int) -> None:
        assert cgroup.parse_v1(b"4096\n", b"%d\n" % (pages * page), b"4096\n", b"0\n", None)[1] is None

    @pytest.mark.parametrize("limit", [0, 4096, 16 << 20, 2**32, 2**42])
    def test_any_other_limit_is_one(self, limit: int) -> None:
        assert cgroup.parse_v1(b"0\n", b"%d\n" % limit, b"0\n", b"0\n", None)[1] == limit

    def test_swap_is_what_memory_and_swap_exceed_memory_by(self) -> None:
        assert cgroup.parse_v1(b"4096\n", None, b"12288\n", None, None)[2] == 8192

    def test_swap_is_none_used_when_memory_was_freed_between_the_two_reads(self) -> None:
        assert cgroup.parse_v1(b"12288\n", None, b"4096\n", None, None)[2] == 0

    def test_without_swap_accounting_swap_is_absent(self) -> None:
        assert cgroup.parse_v1(b"4096\n", b"8192\n", None, b"3\n", None) == (4096, 8192, None, 3, None)

    def test_kills_are_absent_before_4_13(self) -> None:
        before, since = b"oom_kill_disable 0\nunder_oom 0\n", b"oom_kill_disable 1\nunder_oom 1\noom_kill 7\n"
        assert cgroup.parse_v1(None, None, None, None, before)[4] is None
        assert cgroup.parse_v1(None, None, None, None, since)[4] == 7


class TestBoth:
    @pytest.mark.parametrize("word", NO_NUMBERS)
    def test_what_makes_no_sense_is_absent(self, word: bytes) -> None:
        raw = word + b"\n"
        assert cgroup.parse_v2(raw, raw, raw, b"max " + raw + b"oom_kill " + raw) == (None,) * 5
        assert cgroup.parse_v1(raw, raw, raw, raw, b"oom_kill " + raw) == (None,) * 5

    def test_a_number_without_its_newline_is_absent(self) -> None:
        assert cgroup.parse_v2(b"12", b"12", b"12", b"max 1") == (None,) * 5

    def test_usage_that_fell_below_zero_is_negative(self) -> None:
        assert cgroup.parse_v2(b"%d\n" % (2**64 - 4096), None, None, None)[0] == -4096
