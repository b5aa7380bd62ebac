"""The Yocto layer, as far as it can be held without bitbake: it names nothing that the repository does not have."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
YOCTO = REPOSITORY / "yocto"
LAYER = YOCTO / "meta-lastgasp"
OURS = LAYER / "recipes-support/lastgasp"
VARIANTS = ("lastgasp", "lastgasp-compiled", "lastgasp-tiny")


def recipe(name: str) -> Path:
    """The one file of this recipe."""
    (path,) = OURS.glob(f"{name}_*.bb")
    return path


def text_of(path: Path) -> str:
    """A recipe with what it requires of this layer, lines joined where they go on."""
    text = path.read_text()
    text = re.sub(r"(?m)^require (\S+\.inc)$", lambda found: (path.parent / found[1]).read_text(), text)
    return text.replace("\\\n", " ")


def values(text: str, variable: str) -> list[str]:
    """All that is assigned or added to a variable, in order."""
    return re.findall(rf'(?m)^{re.escape(variable)}(?::append|:prepend)? [?+.:]*= "(.*)"$', text)


def source_files(variant: str) -> list[str]:
    """The files and folders of the repository that bitbake unpacks for this recipe."""
    return " ".join(values(text_of(recipe(variant)), "LASTGASP_FILES")).split()


def unpack(variant: str, folder: Path) -> Path:
    """What bitbake makes of them: S, with these and nothing else."""
    for name in source_files(variant):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, target)
    return folder


def run(*command: str | Path) -> str:
    """The standard output of a command that succeeds; it writes no bytecode into the sources."""
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONDONTWRITEBYTECODE": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_file_that_a_recipe_takes_is_in_the_repository(variant: str) -> None:
    names = source_files(variant)
    assert "agent/service" in names
    assert [name for name in names if not (REPOSITORY / name).exists()] == []
    for name in re.findall(r"\$\{S\}/((?:agent|scripts)/[\w./-]+)", text_of(recipe(variant))):
        assert (REPOSITORY / name).is_file(), name
        assert any(name == taken or name.startswith(f"{taken}/") for taken in names), f"{name} is not unpacked"


def test_a_local_file_and_the_kernel_fragment_are_there() -> None:
    assert (OURS / "files/run-ptest").is_file()
    assert 'SRC_URI = "${LASTGASP_SRC_URI} file://run-ptest"' in (OURS / "lastgasp.inc").read_text()
    fragment = (LAYER / "recipes-kernel/linux/linux-lastgasp.inc").read_text()
    assert 'FILESEXTRAPATHS:prepend := "${LASTGASP_REPOSITORY}/agent/service:"' in fragment
    assert (REPOSITORY / "agent/service/lastgasp.cfg").is_file()
    assert re.findall(r"file://(\S+?)\"", fragment) == ["lastgasp.cfg"]


def test_the_layer_finds_the_repository_around_it() -> None:
    layer = (LAYER / "conf/layer.conf").read_text()
    above = re.search(r"LASTGASP_REPOSITORY \?= .*'\$\{LAYERDIR\}(/[./]+)'", layer)
    assert above
    assert (LAYER / above[1].strip("/")).resolve() == REPOSITORY.resolve()


def test_licence_checksums_are_those_of_the_files() -> None:
    found = re.findall(r"file://LICENSE;md5=(\w+)", (OURS / "lastgasp.inc").read_text())
    assert found == [hashlib.md5((REPOSITORY / "LICENSE").read_bytes()).hexdigest()]
    assert (LAYER / "COPYING.MIT").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_recipe_has_the_version_of_the_project(variant: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert recipe(variant).stem == f"{variant}_{project['version']}"


def test_nuitka_is_the_version_that_build_agent_takes() -> None:
    (path,) = LAYER.glob("recipes-devtools/python/python3-nuitka-native_*.bb")
    version = path.stem.rpartition("_")[2]
    from firmware.interpreter import REQUIREMENT

    assert f"nuitka=={version}" == REQUIREMENT
    assert "python3-nuitka-native" in text_of(recipe("lastgasp-compiled"))


def test_only_one_variant_is_in_an_image() -> None:
    for variant in VARIANTS:
        (conflicts,) = values(text_of(recipe(variant)), "RCONFLICTS:${PN}")
        assert sorted([variant, *conflicts.split()]) == sorted(VARIANTS)


@pytest.mark.parametrize("page", [YOCTO / "README.md", LAYER / "README.md"], ids=["guide", "layer"])
def test_a_page_names_the_series_of_the_layer(page: Path) -> None:
    (series,) = values((LAYER / "conf/layer.conf").read_text(), "LAYERSERIES_COMPAT_lastgasp")
    for name in series.split():
        assert name in page.read_text()


def test_the_guide_names_all_variables_and_recipes_and_no_others() -> None:
    guide = (YOCTO / "README.md").read_text()
    text = "".join(path.read_text() for path in LAYER.rglob("*") if path.is_file() and path.suffix in (".inc", ".conf"))
    known = set(re.findall(r"(?m)^(LASTGASP_\w+) \?=", text))
    named = set(re.findall(r"\bLASTGASP_\w+", guide))
    assert known <= named
    assert named - known <= {"LASTGASP_CPYTHON"}
    for variant in VARIANTS:
        assert f"`{variant}`" in guide
    for name in re.findall(r"`((?:agent|scripts|yocto)/[\w./-]+)`", guide):
        assert (REPOSITORY / name).exists(), name


def test_options_that_recipes_give_to_our_commands_exist(tmp_path: Path) -> None:
    folder = unpack("lastgasp-compiled", tmp_path)
    for command in ("build-agent", "make-conf"):
        usage = run(sys.executable, folder / "scripts" / command, "--help")
        lines = [line for line in text_of(recipe("lastgasp-tiny")).splitlines() if f"scripts/{command} " in line]
        options = set(re.findall(r"(?<=\s)(--?[a-z][a-z-]*)\b", " ".join(lines)))
        assert options
        assert {option for option in options if not re.search(rf"{option}\b", usage)} == set(), command


def test_the_bytecode_recipe_builds_and_runs_of_nothing_but_what_it_unpacks(tmp_path: Path) -> None:
    folder, built = unpack("lastgasp", tmp_path / "S"), tmp_path / "lastgasp"
    run(sys.executable, folder / "scripts/build-bytecode", built)
    program = built / "lastgasp-agent.pyc"
    assert "lastgasp-agent COMMAND" in run(sys.executable, "-I", "-S", "-E", program, "help")
    conf = tmp_path / "lastgasp.conf"
    base = folder / "agent/lastgasp/recorder/lastgasp.conf"
    run(sys.executable, folder / "scripts/make-conf", base, "-o", conf, "ring_path=/data/ring", "ring_size=8M")
    assert "\nring_path = /data/ring\n" in conf.read_text()
    assert not list(folder.rglob("__pycache__"))


def test_the_package_test_passes_where_the_agent_runs(tmp_path: Path) -> None:
    program = tmp_path / "lastgasp-agent"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {REPOSITORY / "scripts/lastgasp-agent"} "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["sh", OURS / "files/run-ptest"], capture_output=True, text=True, env=environment, check=False
    )
    results = [line for line in done.stdout.splitlines() if line.startswith(("PASS: ", "FAIL: "))]
    names = ("version", "selftest", "mark", "flush", "clean stop", "the ring has a block")
    assert results == [f"PASS: {name}" for name in names], done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lastgasp-agent"]
