"""selftest: what the kernel lacks, what that costs, and how it was built where it tells."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from fake_proc import FakeProc

from lastgasp.recorder import kernel_config, selftest
from lastgasp.recorder.config import Config

FRAGMENT = Path(__file__).parents[2] / "agent/service/lastgasp.cfg"
# Every kernel has them but the very smallest; a device that sets one of these to "n" means it.
BASIC = {"CONFIG_PROC_FS", "CONFIG_VM_EVENT_COUNTERS", "CONFIG_SLUB_DEBUG", "CONFIG_PROC_PAGE_MONITOR", "CONFIG_PRINTK"}


def fragment() -> dict[str, str]:
    found = kernel_config.parse(FRAGMENT.read_bytes())
    for line in FRAGMENT.read_text().splitlines():
        if line.startswith("# CONFIG_"):
            name, _, rest = line[2:].partition(" ")
            assert rest == "is not set"
            found[name] = "n"
    return found


def checked(fake: FakeProc, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What is printed, by what it is about."""
    config = Config()
    config.ring_path = str(tmp_path / "ring")
    config.lock_memory = False
    config.oom_score_adj = None
    assert selftest.main(config, fake.root) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line[8:].partition(":")[0]: line for line in lines}


def test_the_fragment_and_selftest_speak_of_the_same_options() -> None:
    told = {name for hint in [*(hint for _, _, hint in selftest.FILES), selftest.CONNECTOR, selftest.GROUPS]
            for name in kernel_config.names(hint)}  # fmt: skip
    assert told - BASIC == set(fragment())


def test_the_fragment_switches_everything_on_but_what_switches_off() -> None:
    assert fragment() == {name: "n" if name == "CONFIG_PSI_DEFAULT_DISABLED" else "y" for name in fragment()}


def test_every_group_of_the_fragment_says_what_it_costs() -> None:
    _, *groups = FRAGMENT.read_text().split("\n\n")[1:]
    assert len(groups) >= 6
    for group in groups:
        assert "\n# Cost: " in group


def test_a_kernel_that_lacks_all_of_it_is_told_what_that_costs(
    fake: FakeProc, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = checked(fake, tmp_path, capsys)
    for about, cost in [
        ("/proc/pressure/memory", "pressure is judged by MemAvailable alone (CONFIG_PSI, and psi=1 where"),
        ("/dev/pmsg0", "unflushed samples are lost at a reset (CONFIG_PSTORE, CONFIG_PSTORE_RAM, CONFIG_PSTORE_PMSG"),
        ("/proc/self/io", "no I/O per process (CONFIG_TASK_IO_ACCOUNTING on"),
        ("/proc/config.gz", "cannot be told from what is switched off (CONFIG_IKCONFIG, CONFIG_IKCONFIG_PROC)"),
        ("/sys/bus/event_source/devices/uprobe/type", "trace tools cannot find the call (CONFIG_UPROBE_EVENTS on"),
        ("memory control groups", "limits, and what each service uses, cannot be seen (CONFIG_MEMCG on"),
    ]:
        first, _, last = cost.partition(" (")
        assert found[about].startswith("absent  ")
        assert first in found[about]
        assert last in found[about]
        assert "; here" not in found[about]


def test_where_the_kernel_tells_how_it_was_built_that_is_said(
    fake: FakeProc, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = b"# CONFIG_PSTORE_PMSG is not set\nCONFIG_PSI=y\nCONFIG_PSI_DEFAULT_DISABLED=y\nCONFIG_PSTORE_RAM=m\n"
    fake.write("config.gz", gzip.compress(text))
    found = checked(fake, tmp_path, capsys)
    assert found["/proc/config.gz"].startswith("ok ")
    assert found["/proc/pressure/memory"].endswith("; here CONFIG_PSI=y, CONFIG_PSI_DEFAULT_DISABLED=y)")
    assert found["/dev/pmsg0"].endswith("; here no CONFIG_PSTORE, CONFIG_PSTORE_RAM=m, no CONFIG_PSTORE_PMSG)")


@pytest.mark.parametrize(
    "raw",
    [b"", b"rubbish", gzip.compress(b"CONFIG_PSI=y\n")[:20], gzip.compress(bytes(99))],
    ids=["empty", "rubbish", "cut", "zeros"],
)
def test_a_configuration_that_cannot_be_read_is_no_answer(raw: bytes, fake: FakeProc) -> None:
    fake.write("config.gz", raw)
    assert not kernel_config.read(fake.root)


@pytest.mark.parametrize(
    ("kind", "controllers", "there"),
    [("cgroup2", "cpu memory pids", True), ("cgroup2", "cpu pids", False), ("cgroup2", None, False),
     ("cgroup", None, True)],
)  # fmt: skip
def test_groups_without_their_memory_controller_are_absent(
    kind: str, controllers: str | None, there: bool, fake: FakeProc
) -> None:
    """cgroup_disable=memory, which some boards have on their command line, leaves cgroup2 mounted."""
    fake.write("self/mountinfo", f"9 1 0:9 / /cg rw - {kind} x rw,memory\n".encode())
    if controllers is not None:
        (fake.path / "cg").mkdir()
        (fake.path / "cg/cgroup.controllers").write_text(controllers + "\n")
    assert selftest.has_groups(fake.root) == there
