"""The start files as text: what they name exists, agrees with the agent, and is what their readers ask for."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from small_root import START_FILES

from lastgasp.recorder.config import Config

SYSV = START_FILES / "lastgasp.sysv"
SYSTEMD = START_FILES / "lastgasp.service"
OPENRC = START_FILES / "lastgasp.openrc"
SHELL = (SYSV, OPENRC)


def settings(path: Path) -> dict[str, list[str]]:
    """The keys of a unit file; one that comes twice has two values."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.suffix)
@pytest.mark.parametrize("shell", ["dash", "busybox", "bash"])
def test_every_shell_reads_it(path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.suffix)
def test_shellcheck_finds_nothing(path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck")
    # Variables that OpenRC reads, and those that it sets.
    but = ["-e", "SC2034,SC2154"] if path == OPENRC else []
    done = subprocess.run(["shellcheck", "-s", "sh", *but, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_systemd_reads_the_unit() -> None:
    """But for keys that are newer than this systemd, and the program, which is not installed here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    done = subprocess.run(["systemd-analyze", "verify", str(SYSTEMD)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "lastgasp.service" in line]
    expected = re.compile(r"Unknown key.*'(RestartSteps|RestartMaxDelaySec)'|lastgasp-agent is not executable")
    assert [line for line in said if not expected.search(line)] == []


@pytest.mark.parametrize("path", sorted(START_FILES.iterdir()), ids=lambda path: path.suffix)
def test_packages_give_the_mode_when_they_install_it(path: Path) -> None:
    assert not path.stat().st_mode & stat.S_IXUSR


def test_the_init_script_is_as_buildroot_wants_them() -> None:
    """Tabs, DAEMON as the file will be called (S01lastgasp), and the pid file named by it."""
    lines = SYSV.read_text().splitlines()
    assert not [line for line in lines if re.match(r"\t* ", line) or line != line.rstrip()]
    assert [line for line in lines if line.startswith(("DAEMON=", "PIDFILE="))] == [
        'DAEMON="lastgasp"',
        'PIDFILE="/var/run/$DAEMON.pid"',
    ]


def test_all_of_them_wait_for_the_ring() -> None:
    assert settings(SYSTEMD)["ExecStart"] == ["/usr/bin/lastgasp-agent run --wait"]
    assert 'PROGRAM="/usr/bin/lastgasp-agent"\nLASTGASP_ARGS="run --wait"\n' in SYSV.read_text()
    assert ': "${command:=/usr/bin/lastgasp-agent}"\n: "${command_args:=run --wait}"\n' in OPENRC.read_text()


def test_they_give_the_oom_score_adj_that_the_agent_gives_itself() -> None:
    """Two that differ would have the agent change it back at each start."""
    assert settings(SYSTEMD)["OOMScoreAdjust"] == [str(Config.oom_score_adj)]
    assert f"LASTGASP_OOM_SCORE_ADJ={Config.oom_score_adj}\t" in SYSV.read_text()
    assert f"LASTGASP_OOM_SCORE_ADJ:-{Config.oom_score_adj}}}" in OPENRC.read_text()


def test_a_mistake_in_the_configuration_is_not_tried_again() -> None:
    assert settings(SYSTEMD)["RestartPreventExitStatus"] == ["2"]


def test_the_sandbox_does_not_blind_the_agent() -> None:
    """Nor keep it from starting on a read-only root, as StateDirectory= would."""
    blinding = {
        "PrivateDevices", "PrivateNetwork", "PrivateUsers", "ProcSubset", "ProtectKernelLogs", "ProtectProc", "User",
        "DynamicUser", "RestrictAddressFamilies", "StateDirectory",
    }  # fmt: skip
    assert not blinding & set(settings(SYSTEMD))
