"""The format of captured trees: what scripts/capture-proc writes, trees.py reads back byte for byte."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trees
from trees import Tree, TreeError

CAPTURE = Path(__file__).parents[1] / "scripts" / "capture-proc"
MOUNTS_V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)
MOUNTS_V2_SUBTREE = "29 20 0:23 /box /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n"


def capture(root: str, *options: str) -> Tree:
    """Return the tree that capture-proc writes of `root`, run as in a minimal image."""
    command = [sys.executable, "-I", "-S", str(CAPTURE), "--root", root, *options]
    return trees.parse(subprocess.run(command, capture_output=True, check=True).stdout)


def process(pid: int, **files: bytes) -> dict[str, bytes]:
    """Return the files of a process: those named, and a stat."""
    content = {"stat": b"%d (x) S 1\n" % pid} | files
    return {f"proc/{pid}/{name}": data for name, data in content.items()}


def root(folder: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> str:
    return Tree(files=files, links=links or {}, directories=["proc"]).materialise(folder)


class TestCaptureProc:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            b"plain\n",
            b"no newline",
            b"two\n\n\nlines\n",
            b"\n\nno newline",
            b"python3\0-I\0a b\0\xff\0",
            b"12 (\x1b[31m\nb\\c\xff) S 1\n",
            b"tab\tback\\slash \\x41 \\\\ \x7f\x80 trailing \n",
            b"Path: proc/1/stat\nLines: 3\nError: EACCES\n",
            bytes(range(256)),
        ],
    )
    def test_content_comes_back_byte_for_byte(self, tmp_path: Path, content: bytes) -> None:
        tree = capture(root(tmp_path, {"proc/meminfo": content}))
        assert tree.files["proc/meminfo"] == content

    def test_a_tree_laid_out_and_captured_again_is_the_same(self, tmp_path: Path) -> None:
        files = {
            "proc/vmstat": b"nr_free_pages 1\n",
            "proc/sys/vm/swappiness": b"60\n",
            "sys/block/zram0/mm_stat": b" 1 2\n",
            "sys/block/zram10/mm_stat": b" 3 4\n",
            "dev/kmsg": b"6,1,0,-;one\n SUBSYSTEM=x\n6,2,5,-;two\\x0a\n",
            **process(7, comm=b"a) R 1 (b\n", cmdline=b"x\0\n\0"),
            **process(12, comm=b"\x1b]0;\x07\n\xfe\n"),
        }
        links = {
            "proc/7/exe": "/usr/bin/gone (deleted)",
            "proc/7/fd/0": "socket:[12]",
            "proc/7/fd/10": "/run/odd\n\\\udcff name",
        }
        first = capture(root(tmp_path / "a", files, links))
        assert {path: first.files[path] for path in files} == files
        assert {path: first.links[path] for path in links} == links
        assert capture(first.materialise(tmp_path / "b")) == first

    def test_an_absent_fixed_source_is_an_error_and_an_absent_pattern_is_nothing(self, tmp_path: Path) -> None:
        tree = capture(root(tmp_path, {}))
        assert tree.errors["proc/pressure/irq"] == "ENOENT"
        assert not [path for path in tree.errors if path.startswith(("proc/sys/vm/", "sys/block/"))]

    def test_an_empty_folder_of_descriptors_is_told_from_one_that_cannot_be_listed(self, tmp_path: Path) -> None:
        where = root(tmp_path, process(2) | process(3))
        Path(where, "proc/2/fd").mkdir()
        tree = capture(where)
        assert tree.directories == ["proc/2/fd"]
        assert tree.errors["proc/3/fd"] == "ENOENT"

    def test_processes_can_be_chosen(self, tmp_path: Path) -> None:
        files = {path: data for pid in (1, 2, 10, 30) for path, data in process(pid, smaps=b"s\n").items()}
        where = root(tmp_path, files)
        assert capture(where).pids == [1, 2, 10, 30]
        assert capture(where, "--pids", "3").pids == [1, 2, 10]
        only = capture(where, "--only", "30,2", "--smaps", "2")
        assert only.pids == [2, 30]
        assert [path for path in only.files if path.endswith("smaps")] == ["proc/2/smaps"]
        assert not [path for path in capture(where, "--no-smaps").files if "smaps" in path]

    def test_memory_groups_of_version_1_win_over_a_version_2_mount_beside_them(self, tmp_path: Path) -> None:
        memory, unified = "sys/fs/cgroup/memory", "sys/fs/cgroup/unified"
        groups = {
            f"{memory}/memory.stat": b"cache 0\n",
            f"{memory}/a/memory.limit_in_bytes": b"4096\n",
            f"{memory}/a/b/memory.failcnt": b"0\n",
        }
        others = {f"{unified}/memory.stat": b"x\n", f"{memory}/c/memory.failcnt": b"0\n"}
        cgroup = b"4:memory:/a/b\n3:cpu:/c\n0::/c\n"
        mounts = {"proc/self/mountinfo": MOUNTS_V1.encode()}
        tree = capture(root(tmp_path, groups | others | mounts | process(1, cgroup=cgroup)))
        assert {path for path in tree.files if path.startswith("sys/")} == set(groups)

    def test_memory_groups_are_found_where_the_mount_shows_a_subtree(self, tmp_path: Path) -> None:
        groups = {
            "sys/fs/cgroup/memory.max": b"max\n",
            "sys/fs/cgroup/in/memory.max": b"4096\n",
        }
        mounts = {"proc/self/mountinfo": MOUNTS_V2_SUBTREE.encode()}
        processes = process(1, cgroup=b"0::/box/in\n") | process(2, cgroup=b"0::/elsewhere\n")
        tree = capture(root(tmp_path, groups | mounts | processes))
        assert {path: data for path, data in tree.files.items() if path.startswith("sys/")} == groups

    def test_a_wrong_option_is_one_line(self) -> None:
        done = subprocess.run([sys.executable, CAPTURE, "--nonsense"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "--nonsense" in done.stderr

    def test_it_needs_nothing_that_a_minimal_image_lacks(self) -> None:
        imported = {
            alias.name
            for node in ast.walk(ast.parse(CAPTURE.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert imported == {"os", "sys"}

    def test_this_machine_can_be_captured(self) -> None:
        tree = capture("/", "--pids", "1")
        assert b"MemTotal:" in tree.files["proc/meminfo"]
        assert tree.files[f"proc/{tree.pids[-1]}/statm"].count(b" ") == 6


class TestParse:
    HEAD = b"# lastgasp proc tree 1\n# kernel: Linux\n# machine: m\n# page_size: 4096\n# clock_ticks: 100\n"

    def test_the_header_is_read(self) -> None:
        tree = trees.parse(self.HEAD)
        assert (tree.kernel, tree.machine, tree.page_size, tree.clock_ticks) == ("Linux", "m", 4096, 100)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (b"", "not a whole tree"),
            (b"# lastgasp proc tree 2\n", "not a whole tree"),
            (HEAD[:-1], "not a whole tree"),
            (HEAD + b"proc/meminfo\n", "line 6"),
            (HEAD + b"Path: proc/meminfo\n", "line 7"),
            (HEAD + b"Path: proc/meminfo\nLines: 2\none\n", "proc/meminfo ends early"),
            (HEAD + b"Path: proc/meminfo\nLines: many\n", "line 7: expected a number"),
        ],
    )
    def test_damage_is_told_with_its_place(self, text: bytes, says: str) -> None:
        with pytest.raises(TreeError, match=says):
            trees.parse(text)


@pytest.fixture(scope="module", params=trees.names())
def tree(request: pytest.FixtureRequest) -> Tree:
    return trees.load(request.param)


class TestShippedTrees:
    def test_they_are_these(self) -> None:
        assert set(trees.names()) >= {"arm64-6.1", "armhf-6.1", "x86_64-6.18"}

    def test_each_has_the_system_sources(self, tree: Tree) -> None:
        for name in (
            "meminfo",
            "vmstat",
            "stat",
            "buddyinfo",
            "zoneinfo",
            "diskstats",
            "slabinfo",
            "net/dev",
        ):
            assert tree.files[f"proc/{name}"], name
        for name in ("memory", "io", "cpu"):
            assert b"avg10=" in tree.files[f"proc/pressure/{name}"]
        assert tree.files["proc/sys/vm/overcommit_memory"] == b"0\n"
        assert tree.files["sys/block/zram0/mm_stat"]
        assert tree.files["dev/kmsg"].count(b";") > 30

    def test_each_has_the_scene(self, tree: Tree) -> None:
        for comm in (b"grower", b"a) R 1 (b", b"\x1b[31m\nb\\c\xff", b"limited", b"threads", b"nobody"):
            base = f"proc/{tree.pid(comm)}"
            assert b"(" + comm + b")" in tree.files[f"{base}/stat"]
            assert b"[rollup]" in tree.files[f"{base}/smaps_rollup"]
        assert tree.links[f"proc/{tree.pid(b'gone program')}/exe"] == "/run/gone program (deleted)"
        kinds = {target.partition("[")[0] for target in tree.links.values()}
        assert kinds >= {
            "socket:",
            "pipe:",
            "anon_inode:",
            "/memfd:frames (deleted)",
            "/run/odd name\n\\.log",
        }

    def test_each_has_full_mappings_of_some_process(self, tree: Tree) -> None:
        smaps = [data for path, data in tree.files.items() if path.endswith("/smaps") and data]
        assert smaps
        assert all(b"[stack]" in data and b"\nVmFlags:" in data for data in smaps)

    def test_each_has_a_zombie_and_kernel_threads_without_memory(self, tree: Tree) -> None:
        for comm in (b"zombie", b"kswapd0"):
            base = f"proc/{tree.pid(comm)}"
            assert tree.files[f"{base}/statm"] == b"0 0 0 0 0 0 0\n"
            assert b"VmRSS" not in tree.files[f"{base}/status"]
            assert tree.files[f"{base}/cmdline"] == b""
            assert tree.errors[f"{base}/exe"] == "ENOENT"

    def test_each_has_a_memory_group_with_a_limit(self, tree: Tree) -> None:
        limits = [data for path, data in tree.files.items() if path.endswith(("/memory.max", "limit_in_bytes"))]
        assert b"16777216\n" in limits

    def test_the_guests_have_swapped(self) -> None:
        for name in ("armhf-6.1", "arm64-6.1"):
            tree = trees.load(name)
            status = tree.files[f"proc/{tree.pid(b'limited')}/status"]
            assert int(status.partition(b"VmSwap:")[2].split()[0]) > 1000

    def test_none_tells_where_it_was_made(self, tree: Tree) -> None:
        text = repr((tree.files, tree.links))
        assert "/home/" not in text
        assert "/root/" not in text
        assert tree.files["proc/sys/kernel/hostname"] == b"bed\n"

    def test_none_is_too_large_to_be_read_in_a_change(self) -> None:
        for path in trees.FOLDER.glob("*.tree"):
            assert path.stat().st_size < 150_000, path

    def test_each_can_be_laid_out_as_a_root(self, tree: Tree, tmp_path: Path) -> None:
        where = Path(tree.materialise(tmp_path))
        assert where.joinpath("proc/meminfo").read_bytes() == tree.files["proc/meminfo"]
        assert where.joinpath(f"proc/{tree.pid(b'grower')}/fd/3").is_symlink()
        assert not where.joinpath("proc/pressure/irq").exists()
