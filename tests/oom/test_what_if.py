"""The choice with other inputs, on real reports and on made-up ones; what mode 2 of overcommit would have refused."""

from __future__ import annotations

import pytest

from lastgasp.oom.badness import ERAS, NEWEST, Usage
from lastgasp.oom.choice import choose
from lastgasp.oom.overcommit import (
    Sample,
    Settings,
    allowed_kb,
    commit_limit_kb,
    default_reserve_kb,
    would_refuse,
)
from lastgasp.oom.ranking import Process, away_pages, first, rank
from lastgasp.oom.report import Constraint, Memcg, Report, Victim
from lastgasp.oom.what_if import Caveat, Change, Outcome, Rule, rule, what_if
from oom.logs import reports
from oom.test_choice import A, B, C, made, row


def asked(report: Report, change: Change, kills: int = 20) -> Outcome:
    outcome = what_if(report, choose(report), change, kills)
    assert outcome is not None
    return outcome


def test_without_a_change_the_kernels_victim_is_the_first() -> None:
    for name in ("armhf-global-c.txt", "armhf-adj.txt", "arm64-memcg.txt", "armhf7.2-tmpfs.txt"):
        for report in reports(name):
            outcome = asked(report, Change())
            assert outcome.kills[0].pid == report.victims[0].pid and not outcome.other


def test_kills_follow_one_another_as_they_did() -> None:
    """A leaker that can hardly be killed: the log holds the kills of all others, one after another."""
    log = reports("armhf-adj-leaker-900.txt")
    real = [report.victims[0].pid for report in log]
    assert len(real) == 7
    order = [kill.pid for kill in asked(log[0], Change()).kills]
    # 119 is a shell that init started again after it had killed its 85; it is not in the first table.
    assert [pid for pid in order if pid in real] == [pid for pid in real if pid in order]
    assert set(real) - set(order) == {119}


def test_protecting_the_leaker_shifts_the_kill() -> None:
    (report,) = reports("armhf-global-c.txt")
    outcome = asked(report, Change(rules=(Rule(-1000, b"leaker"),)))
    assert outcome.other and outcome.kills[0].name == b"hogA"
    assert outcome.ranking[-1].process.name == b"leaker" or outcome.ranking[-1].points is None
    leaker = next(task for task in report.tasks or () if task.name == b"leaker")
    assert leaker.pid in outcome.protected
    assert outcome.protected_kb >= (leaker.rss or 0) * 4
    assert 0.5 < outcome.protected_share < 0.7  # 60 of 108 MiB, and the small one that was protected already


def test_freed_pages_add_up() -> None:
    kills = asked(made([A, B, C], None), Change()).kills
    assert [kill.frees_pages for kill in kills] == [5_000, 4_000, 3_000]
    assert [kill.freed_pages for kill in kills] == [5_000, 9_000, 12_000]
    assert len(asked(made([A, B, C], None), Change(), kills=1).kills) == 1


def test_the_last_rule_counts_and_unmatched_rules_are_told() -> None:
    rules = (rule("a=-900"), rule("*=-10"), rule("10=5"), rule("nosuch=1"))
    outcome = asked(made([A, B], None), Change(rules=rules))
    assert [kill.adj for kill in outcome.kills] == [5, -10]
    assert outcome.unmatched == (rules[3],)


def test_a_rule_for_a_long_name_matches_what_the_kernel_keeps_of_it() -> None:
    report = made([row(10, b"temperature-sen", 5_000), B], None)
    assert asked(report, Change(rules=(rule("temperature-sensord=-1000"),))).kills[0].pid == 11


@pytest.mark.parametrize("text", ["", "sensord", "=5", "sensord=", "sensord=x", "sensord=1001", "sensord=-1001"])
def test_bad_rules_are_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"NAME=ADJ|no number|goes from"):
        rule(text)
    assert rule("a=b=-5") == Rule(-5, name=b"a=b")
    assert rule("17=-5") == Rule(-5, pid=17)


def test_ram_and_swap_change_what_adj_is_worth() -> None:
    report = made([A, row(11, b"b", 4_000, adj=30)], None)  # 30 * 28 = 840
    assert asked(report, Change()).kills[0].pid == 10
    more = asked(report, Change(ram_kb=32_768))  # 36 thousandths: 4,000 + 1,080
    assert more.total_pages == 36_192 and more.kills[0].pid == 11 and more.other
    assert Caveat.LATER in more.caveats and Caveat.SWAPPED not in more.caveats
    swap = asked(report, Change(swap_kb=32_768))
    assert swap.total_pages == 36_192 and Caveat.SWAPPED in swap.caveats
    less = asked(report, Change(ram_kb=-16_384))
    assert less.total_pages == 23_904 and Caveat.EARLIER in less.caveats
    assert asked(report, Change(ram_kb=-(10**9))).total_pages == 1


def test_ram_does_not_matter_to_a_group() -> None:
    group = Memcg(limit_kb=20_480, swap_limit_kb=0)
    report = made([A, B], None, constraint=Constraint.MEMCG, memcg=group, group_kill=b"/g")
    outcome = asked(report, Change(ram_kb=4_096, kill_allocating_task=True))
    assert outcome.total_pages == 5_120 and Caveat.GROUP_ONLY in outcome.caveats
    assert Caveat.WHOLE_GROUP in outcome.caveats and outcome.kills[0].pid == 10
    assert asked(report, Change(limit_kb=4_096)).total_pages == 6_144


def test_the_asking_task_is_killed_first_if_it_may_be() -> None:
    report = made([A, B, C], None, invoker=b"c", invoker_pid=12)
    outcome = asked(report, Change(kill_allocating_task=True))
    assert [kill.pid for kill in outcome.kills] == [12, 10, 11]
    assert Caveat.NEXT_INVOKER in outcome.caveats
    spared = asked(report, Change(kill_allocating_task=True, rules=(Rule(-1000, b"c"),)))
    assert [kill.pid for kill in spared.kills] == [10, 11] and Caveat.INVOKER in spared.caveats
    report.invoker_pid = None
    assert asked(report, Change(kill_allocating_task=True)).kills[0].pid == 12
    kernels_own = reports("armhf-kill-allocating.txt")[0]
    assert asked(kernels_own, Change(kill_allocating_task=True)).kills[0].pid == kernels_own.victims[0].pid
    # Without the sysctl the leaker would have been taken.
    assert asked(kernels_own, Change()).kills[0].name == b"leaker"


def test_where_all_are_protected_nobody_is_killed() -> None:
    outcome = asked(made([A, B], None), Change(rules=(Rule(-1000, b"*"),)))
    assert outcome.kills == () and outcome.protected == (10, 11) and outcome.other


def test_without_a_table_there_is_no_answer() -> None:
    report = made(None, None)
    assert what_if(report, choose(report), Change()) is None


def test_children_before_5_1_are_a_caveat() -> None:
    assert Caveat.CHILDREN in asked(made([A, B], None, kernel=b"4.19.3"), Change()).caveats
    assert Caveat.CHILDREN not in asked(made([A, B], None), Change()).caveats


SAMPLE = [
    Process(1, b"init", Usage(9_000), passed_over=True),
    Process(50, b"sensord", Usage(2_000, page_tables=10, adj=-100)),
    Process(51, b"web", Usage(4_000, swap=500)),
    Process(52, b"watchdog", Usage(300, adj=-1000)),
]


def test_who_dies_next_at_an_instant_of_a_recording() -> None:
    ranked = rank(SAMPLE, NEWEST, 28_000)
    winner = first(ranked)
    assert winner is not None and winner.pid == 51 and winner.points == 4_500
    # sensord has 2,010 - 100 * 28 = -790: 5,290 pages to go; of equals the later, so it needs one more.
    assert away_pages(ranked, 50, NEWEST, 28_000) == 5_291
    assert away_pages(ranked, 51, NEWEST, 28_000) == -4_000  # swap alone keeps it first
    assert [away_pages(ranked, pid, NEWEST, 28_000) for pid in (52, 1, 99)] == [None] * 3


def test_before_5_9_the_clamp_makes_small_ones_equal() -> None:
    """A protected process and a tiny one both have 1 point, and of equals the earlier is taken there."""
    era = next(era for era in ERAS if era.name == "4.17")
    few = [Process(50, b"sensord", Usage(2_000, adj=-100)), Process(51, b"sh", Usage(1))]
    winner = first(rank(few, era, 28_000))
    assert winner is not None and winner.pid == 50
    assert first(rank([], era, 28_000)) is None


BOARD = Settings(ram_kb=111_188, admin_reserve_kb=3_072, user_reserve_kb=3_072)


def test_commit_limit() -> None:
    assert commit_limit_kb(BOARD) == 27_797 * 50 // 100 * 4
    assert commit_limit_kb(Settings(ram_kb=111_188, swap_kb=8_192, ratio=80)) == (27_797 * 80 // 100 + 2_048) * 4
    assert commit_limit_kb(Settings(ram_kb=111_188, hugetlb_kb=8_192)) == (27_797 - 2_048) * 50 // 100 * 4
    assert commit_limit_kb(Settings(ram_kb=111_188, kbytes=70_001, ratio=10)) == 70_000


def test_reserves() -> None:
    limit = commit_limit_kb(BOARD)
    assert allowed_kb(BOARD, privileged=True) == limit
    assert allowed_kb(BOARD) == limit - 3_072
    assert allowed_kb(BOARD, total_vm_kb=12_800, privileged=True) == limit - 400
    assert allowed_kb(BOARD, total_vm_kb=10**7, privileged=True) == limit - 3_072
    assert default_reserve_kb(96_000, 1 << 13) == 3_000
    assert default_reserve_kb(10**6, 1 << 13) == 8_192


def test_when_mode_2_would_have_refused_first() -> None:
    limit = commit_limit_kb(BOARD)
    course = [Sample(0, 20_000), Sample(1, limit - 4), Sample(2, limit), Sample(3, limit + 400), Sample(4, 30_000)]
    answer = would_refuse(BOARD, course)
    assert answer.refuses and answer.first == course[2] and answer.over == 2 and answer.samples == 5
    assert answer.most == course[3] and answer.room_kb == -400 and answer.limit_kb == answer.allowed_kb == limit
    assert would_refuse(BOARD, course, privileged=False).first == course[1]
    assert not would_refuse(BOARD, course[:2]).refuses
    nothing = would_refuse(BOARD, [])
    assert not nothing.refuses and nothing.room_kb is None and nothing.caveats


def test_while_the_asking_task_is_taken_points_do_not_matter() -> None:
    (report,) = reports("armhf-kill-allocating.txt")
    (asking,) = (task.pid for task in report.tasks or () if task.name == b"leaker")
    for change in (Change((Rule(-500, name=b"leaker"),)), Change((Rule(500, name=b"sh"),), ram_kb=-16384)):
        outcome = asked(report, change)
        assert outcome.kills[0].pid == asking and not outcome.other
    assert asked(report, Change((Rule(-1000, name=b"leaker"),))).kills[0].name == b"bighog"
    turned_off = Change((Rule(-500, name=b"leaker"),), kill_allocating_task=False)
    assert asked(report, turned_off).kills[0].name == b"bighog"
    choice = choose(report)
    needs = choice.needs(asking)
    assert needs is not None and (needs.adj, needs.pages) == (-1000, None)
    assert [choice.needs(entry.pid) for entry in choice.ranking if entry.pid != asking] == [None] * 3


def test_a_group_that_dies_together_dies_whoever_of_it_comes_first() -> None:
    (report,) = reports("armhf-memcg-group.txt")
    choice = choose(report)
    died = {victim.pid for victim in report.victims}
    assert len(died) == 3
    for pid in died:
        needs = choice.needs(pid)
        assert needs is not None and (needs.adj, needs.pages) == (-1000, None)
    outcome = asked(report, Change((Rule(-600, name=b"leaker"),)))
    assert outcome.kills[0].name == b"inA" and set(outcome.together) == died
    outcome = asked(report, Change((Rule(-1000, name=b"leaker"),)))
    assert (
        {kill.name for kill in outcome.kills}
        == {b"inA", b"inB"}
        == {entry.process.name for entry in outcome.ranking if entry.pid in outcome.together}
    )


def test_a_child_in_vfork_is_passed_over_by_its_points_but_not_when_the_asking_task_is_taken() -> None:
    """It shows its parent's memory, and asks for some itself."""
    parent, child = (row(pid, b"launcher", 9_000, total_vm=12_000) for pid in (20, 21))
    report = made([parent, A, child], Victim(20, b"launcher"), invoker_pid=21)
    assert asked(report, Change()).kills[0].pid == 20
    taken = asked(report, Change(kill_allocating_task=True))
    assert (taken.kills[0].pid, taken.kills[0].points) == (21, None)
    assert taken.other


def test_a_groups_limit_does_not_matter_where_the_machine_was_short() -> None:
    (report,) = reports("armhf-global-c.txt")
    outcome = asked(report, Change(limit_kb=8192))
    assert not outcome.other and Caveat.NO_GROUP in outcome.caveats
