"""Kinds of open files."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from lastgasp.proc import pid_fd
from proc.support import ARM64, ARMHF, X86
from trees import Tree

FILES, SOCKETS, PIPES, ANON, SHARED, DEVICES = range(6)


def kinds(tree: Tree, comm: bytes) -> list[int]:
    """Return how many descriptors of a process are of each kind."""
    folder = f"proc/{tree.pid(comm)}/fd/"
    found = Counter(pid_fd.kind(os.fsencode(target)) for path, target in tree.links.items() if path.startswith(folder))
    return [found[kind] for kind in range(len(pid_fd.COLUMNS))]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        # Two of scene.out, odd name and gone.log each; five sockets; both ends of a pipe; an epoll and an eventfd;
        # two of the memfd; /dev/null twice.
        (ARMHF, [6, 5, 2, 2, 2, 2]),
        (ARM64, [6, 5, 2, 2, 2, 2]),
        # The same, and a third /dev/null and a pipe inherited from who started it.
        (X86, [6, 5, 3, 2, 2, 3]),
    ],
)
def test_a_process_with_descriptors_of_every_kind(tree: Tree, expected: list[int]) -> None:
    assert kinds(tree, b"grower") == expected


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (b"/dev/console (deleted)", DEVICES),
        (b"/dev/pts/0", DEVICES),
        (b"/device", FILES),
        (b"/dev/shm/queue", SHARED),
        (b"/dev/shm/queue (deleted)", SHARED),
        (b"/memfd:a b\n (deleted)", SHARED),
        (b"/dmabuf:", SHARED),
        (b"/dmabuf:camera", SHARED),
        (b"anon_inode:dmabuf", SHARED),  # before 5.3
        (b"anon_inode:[eventpoll]", ANON),
        (b"anon_inode:inotify", ANON),
        (b"net:[4026531840]", FILES),
        (b"/socket:[1]", FILES),
        (b"", FILES),
        (b"\xff", FILES),
    ],
)
def test_a_link_tells_what_it_is(target: bytes, kind: int) -> None:
    assert pid_fd.kind(target) == kind
