"""The Buildroot tree holds together with the rest, and what it calls does what it says. Building an image with it is
for scripts/firmware-test, which takes a Buildroot tree.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bed.errors import BedError
from images import tree

ROOT = Path(__file__).resolve().parents[2]
EXTERNAL = ROOT / "buildroot"
PACKAGE = EXTERNAL / "package/lastgasp"
CONF = ROOT / "agent/lastgasp/recorder/lastgasp.conf"


def run(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def variable(makefile: str, name: str) -> str:
    match = re.search(rf"(?m)^{name} = (.*)$", (EXTERNAL / "package" / makefile).read_text())
    assert match
    return match[1]


def test_the_package_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert variable("lastgasp/lastgasp.mk", "LASTGASP_VERSION") == project["version"]


def test_the_licence_has_the_hash_that_legal_info_checks() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert f"sha256  {digest}  LICENSE\n" in (PACKAGE / "lastgasp.hash").read_text()


def test_nuitka_is_the_one_that_build_agent_was_made_for() -> None:
    minor = re.search(r'NUITKA = "([\d.]+)"', (ROOT / "scripts/firmware/generate.py").read_text())
    assert minor
    assert variable("python-nuitka/python-nuitka.mk", "PYTHON_NUITKA_VERSION").startswith(f"{minor[1]}.")


def test_what_the_package_takes_from_the_checkout_is_there() -> None:
    makefile = (PACKAGE / "lastgasp.mk").read_text()
    taken = set(re.findall(r"\$\((?:@D|LASTGASP_DIR)\)/((?:agent|scripts)/[\w./-]+)", makefile))
    assert {"scripts/build-agent", "scripts/build-bytecode", "agent/service/lastgasp.sysv"} < taken
    assert [name for name in sorted(taken) if not (ROOT / name).is_file()] == []


def test_every_symbol_that_is_used_is_declared() -> None:
    declared = set(re.findall(r"(?m)^config (BR2_PACKAGE_LASTGASP\w*)", (PACKAGE / "Config.in").read_text()))
    files = [PACKAGE / "lastgasp.mk", *EXTERNAL.glob("configs/*_defconfig")]
    used = {name for path in files for name in re.findall(r"BR2_PACKAGE_LASTGASP\w*", path.read_text())}
    assert used - declared == set()
    assert declared - used - {"BR2_PACKAGE_LASTGASP_COMPILED_ARCH_SUPPORTS"} == set()


@pytest.mark.parametrize("variant", tree.VARIANTS)
def test_every_variant_is_a_choice(variant: str) -> None:
    assert f"config BR2_PACKAGE_LASTGASP_{variant.upper()}\n" in (PACKAGE / "Config.in").read_text()


def test_a_configuration_has_the_ring_and_the_oom_policy_of_the_image(tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text("# ours\nsensord\t-900   # vital\n\n/usr/bin/httpd*   300\n")
    made = tmp_path / "etc/lastgasp.conf"
    done = run("make-conf", CONF, "-o", made, "--oom-policy", policy, "ring_path=/data/ring", "ring_size=8M")
    assert (done.returncode, done.stderr) == (0, "")
    lines = set(made.read_text().splitlines()) - set(CONF.read_text().splitlines())
    assert lines == {"ring_path = /data/ring", "ring_size = 8M", "tune = sensord -900, /usr/bin/httpd* 300"}


def test_defaults_leave_the_configuration_as_it_is(tmp_path: Path) -> None:
    made = tmp_path / "lastgasp.conf"
    assert run("make-conf", CONF, "-o", made, "ring_path=/var/lib/lastgasp/ring", "ring_size=4M").returncode == 0
    assert made.read_text() == CONF.read_text()


def test_a_setting_replaces_what_the_users_own_file_says(tmp_path: Path) -> None:
    base, made = tmp_path / "base", tmp_path / "made"
    base.write_text("interval = 1s\n  ring_size=16M  # large\nring_path = /mnt/ring\n")
    assert run("make-conf", base, "-o", made, "ring_path=/var/lib/lastgasp/ring", "ring_mount=/var").returncode == 0
    assert made.read_text() == (
        "interval = 1s\n  ring_size=16M  # large\nring_path = /var/lib/lastgasp/ring\nring_mount = /var\n"
    )


@pytest.mark.parametrize(
    ("settings", "policy", "message"),
    [
        (["ring_size=5Q"], "", "make-conf: ring_size=5Q:1: ring_size = '5Q' will not do"),
        (["ring_path=data/ring"], "", "make-conf: ring_path=data/ring:1: ring_path = 'data/ring' will not do"),
        (["ring_size"], "", "make-conf: ring_size: not of the form KEY=VALUE"),
        ([], "ok 1\nsensord -9000\n", "policy:2: 'sensord -9000' will not do; write: NAME -1000 to 1000"),
        ([], "a 1, b 2\n", "policy:1: 'a 1, b 2' will not do"),
        ([], "sensord\n", "policy:1: 'sensord' will not do"),
        ([], "".join(f"n{n} 1\n" for n in range(33)), "made:"),
    ],
)
def test_a_mistake_ends_the_build_with_its_place(
    settings: list[str], policy: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "policy").write_text(policy)
    done = run("make-conf", CONF, "-o", tmp_path / "made", "--oom-policy", tmp_path / "policy", *settings)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_a_slim_python_keeps_what_the_agent_imports_and_loses_the_rest(tmp_path: Path) -> None:
    version = f"python3.{sys.version_info[1]}"
    library = tmp_path / "usr/lib" / version
    kept = ["os.pyc", "encodings/__init__.pyc", "encodings/utf_8.pyc", "encodings/aliases.pyc"]
    kept += ["lib-dynload/_ctypes.cpython-3x-arm-linux-gnueabihf.so"]
    lost = ["asyncio/__init__.pyc", "encodings/cp1252.pyc", "json/decoder.pyc", "config-3x/Makefile"]
    lost += ["lib-dynload/_decimal.cpython-3x-arm-linux-gnueabihf.so", "__pycache__/argparse.cpython-3x.pyc"]
    for name in [*kept, *lost]:
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).touch()
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin" / version).touch()
    assert run("slim-python", tmp_path).returncode == 0
    found = sorted(str(path.relative_to(library)) for path in library.rglob("*") if path.is_file())
    assert found == sorted(kept)
    assert (tmp_path / "usr/bin" / version).exists()
    assert run("slim-python", tmp_path, "--without-interpreter").returncode == 0
    assert not (tmp_path / "usr/bin" / version).exists()


def test_a_slim_python_wants_a_root_of_its_own_version(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/python3.1").mkdir(parents=True)
    done = run("slim-python", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_configuration_that_buildroot_did_not_keep_is_named() -> None:
    wanted = "BR2_arm=y\nBR2_A=y\n# BR2_A is not set\nBR2_B=y\n# BR2_C is not set\n# BR2_D is not set\n"
    assert tree.missing(wanted, "BR2_arm=y\n# BR2_A is not set\nBR2_B=y\nBR2_D=y\n") == ["# BR2_D is not set"]
    assert tree.missing(wanted, "# BR2_A is not set\nBR2_B=y\n") == ["BR2_arm=y"]


def test_a_failed_build_is_told_by_its_own_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        ">>> zlib 1 Building\nwarning: -Werror\n>>> lastgasp 0.1.0 Building\nx.c:1: error: no\nmake: *** [x]\n"
    )
    assert tree.last_error(log) == "x.c:1: error: no"
    assert tree.last_step(log) == "lastgasp 0.1.0 Building"


def test_a_folder_that_is_no_buildroot_tree_is_refused(tmp_path: Path) -> None:
    done = run("firmware-test", tmp_path, "--output", tmp_path / "o")
    assert (done.returncode, done.stderr) == (125, f"firmware-test: {tmp_path}: not a Buildroot tree\n")
    assert not (tmp_path / "o").exists()


def test_a_fragment_that_is_not_there_is_named(tmp_path: Path) -> None:
    order = tree.Order(tmp_path, tmp_path, "armv7", "tiny", (tmp_path / "none",))
    with pytest.raises(BedError, match="none: No such file"):
        tree.configuration(order)


def test_the_configuration_is_the_defconfig_with_the_variant_and_the_users_lines(tmp_path: Path) -> None:
    fragment = tmp_path / "fragment"
    fragment.write_text("BR2_CCACHE=y\n")
    order = tree.Order(tmp_path, tmp_path, "aarch64", "bytecode", (fragment,), own_kernel=False)
    lines = tree.configuration(order).splitlines()
    assert lines[-3:] == ["BR2_PACKAGE_LASTGASP_BYTECODE=y", "# BR2_LINUX_KERNEL is not set", "BR2_CCACHE=y"]
    assert "BR2_aarch64=y" in lines
