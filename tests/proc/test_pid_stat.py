"""/proc/PID/stat."""

from __future__ import annotations

import pytest

from lastgasp.proc import pid_stat
from proc.support import ARM64, ARMHF, NO_NUMBERS, TREES, X86, of
from trees import Tree

HOSTILE = b"\x1b[31m\nb\\c\xff"
# The fields behind comm of an arm64 process, those that we use in words.
BEHIND = (
    b" S 125 120 120 0 -1 %(flags)b %(minflt)b 0 %(majflt)b 0 %(utime)b %(stime)b 0 0 20 0 %(threads)b 0 %(start)b"
    b" %(vsize)b %(rss)b 18446744073709551615 4194304 9524080 281474222611680 0 0 0 0 16781318 0 1 0 0 17 0 0 0 0 0 0"
    b" 9633184 10873680 1027477504 281474222612358 281474222612400 281474222612400 281474222612455 0\n"
)
USUAL = {
    b"flags": b"4194368",
    b"minflt": b"1652",
    b"majflt": b"3",
    b"utime": b"25",
    b"stime": b"63",
    b"threads": b"1",
    b"start": b"546",
    b"vsize": b"18558976",
    b"rss": b"3272",
}


def parsed(raw: bytes) -> pid_stat.Stat:
    stat = pid_stat.parse(raw)
    assert stat is not None
    return stat


def with_comm(comm: bytes) -> bytes:
    return b"129 (" + comm + b")" + BEHIND % USUAL


class TestCapturedProcesses:
    @pytest.mark.parametrize(
        ("tree", "ppid", "flags", "minflt", "majflt", "cpu", "start", "vsize", "rss"),
        [
            (ARMHF, 120, 4194368, 1538, 1, 27 + 76, 755, 13512704, 2677),
            (ARM64, 125, 4194368, 1652, 3, 25 + 63, 546, 18558976, 3272),
            (X86, 14918, 4194368, 1373, 0, 1 + 3, 464486, 19427328, 3368),
        ],
    )
    def test_a_process(
        self, tree: Tree, ppid: int, flags: int, minflt: int, majflt: int, cpu: int, start: int, vsize: int, rss: int
    ) -> None:
        stat = parsed(of(tree, b"grower", "stat"))
        assert (stat.comm, chr(stat.state), stat.threads) == (b"grower", "S", 1)
        assert (stat.ppid, stat.flags, stat.minflt, stat.majflt) == (ppid, flags, minflt, majflt)
        assert (stat.cpu_ticks, stat.start_ticks, stat.vsize, stat.rss) == (cpu, start, vsize, rss)

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_states_and_threads(self, tree: Tree) -> None:
        assert chr(parsed(of(tree, b"zombie", "stat")).state) == "Z"
        assert chr(parsed(of(tree, b"stopped", "stat")).state) == "T"
        assert parsed(of(tree, b"threads", "stat")).threads == 4

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_kernel_threads_are_marked_and_have_no_memory(self, tree: Tree) -> None:
        stat = parsed(of(tree, b"kswapd0", "stat"))
        assert stat.flags & pid_stat.PF_KTHREAD
        assert (stat.vsize, stat.rss) == (0, 0)
        assert not parsed(of(tree, b"zombie", "stat")).flags & pid_stat.PF_KTHREAD

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_names_chosen_by_an_adversary(self, tree: Tree) -> None:
        for comm in (b"a) R 1 (b", HOSTILE):
            stat = parsed(of(tree, comm, "stat"))
            assert (stat.comm, chr(stat.state)) == (comm, "S")
            assert stat.ppid == parsed(of(tree, b"grower", "stat")).ppid

    def test_a_worker_of_the_kernel_is_called_by_what_it_works_on(self) -> None:
        assert parsed(of(ARM64, b"kworker/0:0H-events_highpri", "stat")).comm == b"kworker/0:0H-events_highpri"


class TestComm:
    @pytest.mark.parametrize(
        "comm",
        [
            b"",
            b" ",
            b")",
            b"(",
            b") S 1 1 1 (",
            b") ) ) ) ) ) )",
            b"((((((((((((((",
            b"\n",
            b"a\nb) R 2\n",
            b"\t\r\x0b\x0c",
            b"\\n\\",
            b"\x1b]0;x\x07",
            b"\xff" * 15,
            b"k" * 63,  # as long as the kernel ever writes: a workqueue's worker
        ],
    )
    def test_it_may_be_anything(self, comm: bytes) -> None:
        stat = parsed(with_comm(comm))
        assert (stat.comm, chr(stat.state), stat.ppid) == (comm, "S", 125)
        assert (stat.minflt, stat.majflt, stat.cpu_ticks, stat.threads) == (1652, 3, 88, 1)
        assert (stat.start_ticks, stat.vsize, stat.rss) == (546, 18558976, 3272)


class TestWhatIsAbsent:
    def test_a_line_that_was_cut_anywhere_before_the_last_field_we_use_has_ended(self) -> None:
        raw = with_comm(b"a) R 1 (b")
        enough = raw.index(b" 18446744073709551615") + 2
        assert all(pid_stat.parse(raw[:end]) is None for end in range(enough))
        assert all(pid_stat.parse(raw[:end]) for end in range(enough, len(raw)))

    @pytest.mark.parametrize("raw", [b"", b"\n", b"()", b")(", b"1 (x) S\n", b"1 x S" + BEHIND % USUAL])
    def test_what_is_no_such_line(self, raw: bytes) -> None:
        assert pid_stat.parse(raw) is None

    @pytest.mark.parametrize("name", USUAL)
    @pytest.mark.parametrize("word", [word for word in NO_NUMBERS if word not in (b"", b"+1", b"1_000")])
    def test_a_number_that_makes_no_sense(self, name: bytes, word: bytes) -> None:
        if word == b"-1" and name in (b"utime", b"stime"):
            word = b"-1000"  # the two are summed
        assert pid_stat.parse(b"129 (x)" + BEHIND % (USUAL | {name: word})) is None

    def test_an_unlimited_address_space_does_no_harm(self) -> None:
        # rsslim is 2**64 - 1 in every captured line, and the next field is not ours either.
        raw = with_comm(b"x").replace(b" 18446744073709551615 ", b" %d " % 2**70)
        assert parsed(raw).rss == 3272
