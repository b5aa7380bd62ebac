"""The model's choice against the kernel's, on real logs and on made-up reports for each cause that explains another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from lastgasp.oom.choice import EXPECTED, Cause, Choice, choose
from lastgasp.oom.report import Constraint, Killer, Memcg, Place, Report, Task, Victim
from oom.logs import KERNEL_LOGS, reports

# The .txt files hold each event once (the others are the same events, as other logs have them). Not compared: panics,
# "no killable processes" and refusals by overcommit, where nobody was killed; a table that was switched off; the asking
# task, taken by sysctl. All else is predicted; there is no miss among these logs. What was missed elsewhere were
# children between vfork and exec, see test_a_vfork_child_is_passed_over.
COUNTED = {Cause.MODEL: 44, Cause.NONE_KILLED: 11, Cause.ALLOCATING: 3, Cause.NO_TABLE: 1}


def choices(name: str) -> list[tuple[Report, Choice]]:
    """The choices of a log, each knowing whom those before it killed."""
    made = []
    before: set[int] = set()
    for report in reports(name):
        made.append((report, choose(report, before)))
        before |= {victim.pid for victim in report.victims}
    return made


@pytest.mark.parametrize("name", KERNEL_LOGS)
def test_the_model_names_the_kernels_victim(name: str) -> None:
    for report, choice in choices(name):
        if choice.kernel_pid is None or not report.tasks or choice.cause == Cause.ALLOCATING:
            assert choice.agrees is None
            continue
        assert choice.cause == Cause.MODEL, (choice.cause, choice.skipped)
        assert choice.agrees
        assert choice.model is not None and choice.model.pid == choice.kernel_pid == report.victims[0].pid
        assert choice.found.era.name == "5.9" and not choice.found.ambiguous
        assert choice.page_kb == 4 and choice.page_kb_told


def test_every_report_with_a_table_and_a_victim_is_predicted() -> None:
    causes = Counter(choice.cause for name in KERNEL_LOGS for _, choice in choices(name) if name.endswith(".txt"))
    assert causes == COUNTED


def test_where_the_kernel_found_nobody_the_model_finds_nobody() -> None:
    found = [pair for name in KERNEL_LOGS for pair in choices(name) if pair[0].no_killable]
    assert len(found) == 3
    assert all(choice.model is None for _, choice in found)


def test_points_of_real_reports_are_exact_to_the_page() -> None:
    """The kill line tells the parts of the victim's RSS in kB: the same pages as the table's, and page tables."""
    for name in KERNEL_LOGS:
        for report, choice in choices(name):
            if choice.cause != Cause.MODEL or choice.model is None:
                continue
            (victim, *_) = report.victims
            usage = choice.model.process.usage
            assert None not in (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb, victim.pgtables_kb)
            rss = (victim.anon_rss_kb or 0) + (victim.file_rss_kb or 0) + (victim.shmem_rss_kb or 0)
            assert usage.rss * 4 == rss
            assert usage.page_tables == (victim.pgtables_kb or 0) // 4
            assert usage.adj == victim.oom_score_adj
            assert choice.total.pages is not None
            parts = usage.rss + usage.swap + usage.page_tables
            assert choice.model.points == parts + usage.adj * (choice.total.pages // 1000)


def test_the_total_is_what_the_zones_manage() -> None:
    for name in KERNEL_LOGS:
        for report, choice in choices(name):
            managed = sum(zone.kb[b"managed"] for zone in report.zones)
            # A kernel that asks for lowmem shows no line for HighMem (since 6.1 or so): not all zones are there then.
            if managed and report.ram_pages is not None and not report.highmem_pages:
                assert choice.total.pages == managed // 4 + (report.swap_total_kb or 0) // 4


COLUMNS_OLD = tuple(b"pid uid tgid total_vm rss nr_ptes swapents oom_score_adj name".split())
COLUMNS = tuple(b"pid uid tgid total_vm rss pgtables_bytes swapents oom_score_adj name".split())


def row(pid: int, name: bytes, rss: int, adj: int = 0, uid: int = 1000, total_vm: int = 0, **more: int) -> Task:
    made = Task(pid, name, uid, pid, total_vm or rss + 100 + pid, rss, pgtables_bytes=0, swapents=0, oom_score_adj=adj)
    for key, value in more.items():
        object.__setattr__(made, key, value)
    return made


def made(tasks: list[Task] | None, victim: Victim | None, kernel: bytes = b"5.10.9", **fields: object) -> Report:
    report = Report(Place(1, 9, None, None), kernel=kernel, columns=COLUMNS, tasks=tasks, complete=True)
    report.ram_pages, report.reserved_pages, report.swap_total_kb = 30_000, 2_000, 0
    report.victims = [victim] if victim else []
    for name, value in fields.items():
        setattr(report, name, value)
    return report


A, B, C = row(10, b"a", 5_000), row(11, b"b", 4_000), row(12, b"c", 3_000)


def test_the_ranking_and_what_each_would_have_needed() -> None:
    choice = choose(made([A, B, row(12, b"c", 3_000, adj=-1000)], Victim(10, b"a")))
    assert [(entry.pid, entry.rank, entry.points) for entry in choice.ranking] == [
        (10, 1, 5_000),
        (11, 2, 4_000),
        (12, None, None),
    ]
    assert choice.total.pages == 28_000
    first = choice.needs(10)
    # 28 pages per step: 36 * 28 = 1,008 more than the thousand that it is ahead by. Of equals the later is taken.
    assert first is not None and first.chosen and first.adj == -36 and first.pages == 1_000 and first.other == 11
    second = choice.needs(11)
    assert second is not None and not second.chosen and second.adj == 36 and second.pages == 1_000
    third = choice.needs(12)
    assert third is not None and third.adj == 72 and third.pages is None  # 2,000 / 28 = 71.4; no size gets it chosen
    assert choice.needs(99) is None


@pytest.mark.parametrize(("kernel", "pid"), [(b"4.19.1", 10), (b"5.2.9", 10), (b"5.4.1", 11), (b"5.10.1", 11)])
def test_of_equals_the_later_is_taken_since_5_3(kernel: bytes, pid: int) -> None:
    twins = [row(10, b"a", 5_000), row(11, b"b", 5_000)]
    choice = choose(made(twins, Victim(pid, b"x"), kernel=kernel))
    assert choice.cause == Cause.MODEL
    other = choose(made(twins, Victim(21 - pid, b"x"), kernel=kernel))
    assert other.cause == Cause.EQUALS and other.skipped == (pid,)


def test_a_vfork_child_is_passed_over() -> None:
    """Both rows show the same memory; the kernel skips the child, so its parent is killed."""
    parent = row(10, b"make", 5_000, total_vm=9_000)
    child = row(90, b"make", 5_000, total_vm=9_000)
    choice = choose(made([parent, C, child], Victim(10, b"make")))
    assert choice.cause == Cause.VFORK and choice.skipped == (90,) and choice.agrees is False
    assert any("before its exec" in text for text in choice.caveats)
    # Where the parent may not be killed, its child isn't either: somebody smaller dies.
    choice = choose(made([parent, C, child], Victim(12, b"c")))
    assert choice.cause == Cause.VFORK and choice.skipped == (90, 10)


def test_who_asks_and_has_the_memory_of_one_before_it_is_a_vfork_child() -> None:
    """Its parent waits until the child calls exec, and cannot ask. Seen on 6.1: the child leaked in both's memory."""
    parent = row(151, b"launcher", 11_682, total_vm=12_243)
    child = row(152, b"launcher", 11_682, total_vm=12_243)
    choice = choose(made([parent, C, child], Victim(151, b"launcher"), invoker_pid=152))
    assert choice.cause == Cause.MODEL and choice.agrees and choice.model is not None and choice.model.pid == 151
    assert [entry.rank for entry in choice.ranking if entry.pid == 152] == [None]
    assert choice.caveats[0] == (
        "152 asked for memory and has the very same as 151: 152 is taken for a child before its exec, which the kernel"
        " passes over"
    )
    # The parent is no child; of two with other memory each is its own; more than two alike are workers.
    choice = choose(made([parent, C, child], Victim(151, b"launcher"), invoker_pid=151))
    assert choice.cause == Cause.VFORK and choice.skipped == (152,)
    choice = choose(made([parent, row(152, b"launcher", 11_690, total_vm=12_243)], Victim(152, b""), invoker_pid=152))
    assert choice.cause == Cause.MODEL and choice.ranking[0].pid == 152
    worker = row(160, b"launcher", 11_682, total_vm=12_243)
    choice = choose(made([parent, child, worker], Victim(160, b"launcher"), invoker_pid=152))
    assert choice.cause == Cause.MODEL and [entry.rank for entry in choice.ranking] == [1, 2, 3]


def test_two_that_show_more_than_all_pages_there_are_have_the_same_memory() -> None:
    """Seen on 6.1: 23,214 pages of 21,118, asked for by another. Each with its own would be two workers."""
    parent = row(599, b"mqtt-bridge", 11_607, total_vm=12_134)
    child = row(605, b"mqtt-bridge", 11_607, total_vm=12_134)
    counts = {b"active_anon": 2_512, b"inactive_anon": 18_125, b"active_file": 0, b"unevictable": 481}
    choice = choose(made([parent, C, child], Victim(599, b"mqtt-bridge"), invoker_pid=12, counts=counts))
    assert choice.cause == Cause.MODEL and choice.model is not None and choice.model.pid == 599
    assert choice.caveats[0].startswith("605 and 599 show the very same memory, more than there is twice: ")
    workers = counts | {b"inactive_anon": 22_000}
    choice = choose(made([parent, C, child], Victim(605, b"mqtt-bridge"), invoker_pid=12, counts=workers))
    assert choice.cause == Cause.MODEL and choice.model is not None and choice.model.pid == 605
    # Since 6.8 the table tells anonymous memory apart: all of the table's is more than there is, by one of the two.
    split = [replace(task, rss_anon=task.rss) for task in (parent, row(12, b"c", 9_000), child)]
    choice = choose(made(split, Victim(599, b"mqtt-bridge"), invoker_pid=12, counts=workers))
    assert choice.cause == Cause.MODEL and choice.model is not None and choice.model.pid == 599


def test_a_victim_on_its_way_out_is_passed_over() -> None:
    choice = choose(made([A, B], Victim(11, b"b")), killed_before={10})
    assert choice.cause == Cause.IN_FLIGHT and choice.skipped == (10,)


def test_the_asking_task_is_taken_by_sysctl() -> None:
    choice = choose(made([A, B], Victim(11, b"b"), allocating_task=True))
    assert choice.cause == Cause.ALLOCATING in EXPECTED and choice.agrees is None


def test_a_child_dies_in_its_parents_place_before_5_1() -> None:
    child = Victim(12, b"c", score=178, sacrificed_for=10)
    choice = choose(made([A, B, C], child, kernel=b"4.19.1"))
    assert choice.cause == Cause.CHILD and choice.agrees and choice.kernel_pid == 10
    assert choice.score_fits  # 5,000 * 1000 / 28,000


def test_the_score_of_old_kernels_is_a_check() -> None:
    assert choose(made([A, B], Victim(10, b"a", score=178), kernel=b"4.19.1")).score_fits is True
    assert choose(made([A, B], Victim(10, b"a", score=200), kernel=b"4.19.1")).score_fits is False
    assert choose(made([A, B], Victim(10, b"a"), kernel=b"5.10.1")).score_fits is None


def test_two_eras_fit_and_differ() -> None:
    """3.10 to 3.13: root has 30 off its adj, or, with a later stable release, 3 % off its points."""
    tasks = [row(10, b"root", 5_000, uid=0, nr_ptes=0), row(11, b"user", 4_500, nr_ptes=0)]
    tasks = [
        Task(t.pid, t.name, t.uid, t.tgid, t.total_vm, t.rss, nr_ptes=5, swapents=0, oom_score_adj=0) for t in tasks
    ]
    report = made(tasks, Victim(10, b"root"), kernel=b"3.10.20", columns=COLUMNS_OLD)
    choice = choose(report)
    assert choice.found.era.name == "3.5" and choice.era_matters
    assert choice.model is not None and choice.model.pid == 11  # 5,005 - 30 * 28 = 4,165 < 4,505
    assert choice.cause == Cause.ERA  # 5,005 - 150 = 4,855
    assert any("several kernels" in text for text in choice.caveats)
    assert any("CAP_SYS_ADMIN" in text for text in choice.caveats)
    report.victims = [Victim(10, b"root", score=173)]  # 4,855 * 1000 / 28,000; the other gives 148
    settled = choose(report)
    assert settled.cause == Cause.MODEL and settled.found.era.name == "3.14" and not settled.found.ambiguous
    assert settled.score_fits and not settled.era_matters


def test_a_vendor_prefers_those_without_a_negative_adj() -> None:
    choice = choose(made([row(10, b"a", 9_000, adj=-10), C], Victim(12, b"c")))
    assert choice.cause == Cause.NON_NEGATIVE


def test_a_small_difference_may_be_from_after_the_choice() -> None:
    choice = choose(made([row(10, b"a", 5_000), row(11, b"b", 4_900)], Victim(11, b"b")))
    assert choice.cause == Cause.DRIFT


def test_what_nothing_explains_is_said() -> None:
    choice = choose(made([A, C], Victim(12, b"c")))
    assert choice.cause == Cause.UNEXPLAINED and choice.skipped == (10,)
    protected = choose(made([A, row(12, b"c", 3_000, adj=-1000)], Victim(12, b"c")))
    assert protected.cause == Cause.UNEXPLAINED


def test_swapoff_is_the_first() -> None:
    assert choose(made([A, row(12, b"swapoff", 10)], Victim(12, b"swapoff"))).cause == Cause.ORIGIN


def test_without_a_table_a_total_or_a_kill_nothing_is_claimed() -> None:
    assert choose(made(None, Victim(10, b"a"))).cause == Cause.NO_TABLE
    assert choose(made([A], Victim(99, b"z"))).cause == Cause.CUT_TABLE
    assert choose(made([A], Victim(10, b"a"), ram_pages=None)).cause == Cause.NO_TOTAL
    panic = choose(made([A], None, panic=b"compulsory"))
    assert panic.cause == Cause.NONE_KILLED and panic.model is not None and panic.model.pid == 10
    assert choose(made([A], Victim(10, b"a"), killer=Killer.EARLYOOM)).cause == Cause.NOT_KERNEL


def test_a_group_is_measured_against_its_limit_and_dies_together() -> None:
    memcg = Memcg(limit_kb=20_480, swap_limit_kb=0)
    report = made([A, row(11, b"b", 4_000, adj=300), C], Victim(11, b"b"), constraint=Constraint.MEMCG, memcg=memcg)
    report.group_kill = b"/g"
    report.victims = [Victim(11, b"b"), Victim(10, b"a"), Victim(11, b"b"), Victim(12, b"c")]
    choice = choose(report)
    assert choice.total.pages == 5_120
    assert choice.model is not None and choice.model.points == 4_000 + 300 * 5 and choice.model.adj_points == 1_500
    assert choice.cause == Cause.MODEL and choice.group == (10, 12)


def test_the_kill_line_may_name_another_thread_of_the_chosen() -> None:
    thread = Task(17, b"worker", 1000, 10, 9_000, 5_000, pgtables_bytes=0, swapents=0, oom_score_adj=0)
    choice = choose(made([thread, B], Victim(17, b"worker")))
    assert choice.cause == Cause.MODEL and choice.kernel_pid == 10


def test_old_tables_hold_less_than_the_kernel_counts() -> None:
    columns = tuple(b"pid uid tgid total_vm rss cpu oom_adj oom_score_adj name".split())
    tasks = [Task(10, b"a", 1000, 10, 9_000, 5_000, cpu=0, oom_adj=0, oom_score_adj=0)]
    choice = choose(made(tasks, Victim(10, b"a", score=178), kernel=b"3.2.0", columns=columns))
    assert choice.found.era.name == "2.6.39" and choice.model is not None and choice.model.points == 178
    assert any("neither swap nor page tables" in text for text in choice.caveats)
    only_old = Task(11, b"b", 1000, 11, 9_000, 4_000, cpu=0, oom_adj=-17 + 2)
    points = choose(made([only_old], None, kernel=b"3.2.0", columns=columns)).ranking[0].points
    assert points == 1  # -15 * 1000 / 17 = -882
