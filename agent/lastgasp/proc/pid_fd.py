"""/proc/PID/fd (fs/proc/fd.c): what kinds of files a process holds open, by where its links point."""

COLUMNS = (b"fd_files", b"fd_sockets", b"fd_pipes", b"fd_anon", b"fd_shared", b"fd_devices")


def kind(target: bytes) -> int:
    """Which of COLUMNS a link target counts for."""
    if target.startswith(b"socket:"):
        return 1
    if target.startswith(b"pipe:"):
        return 2
    if target.startswith((b"/memfd:", b"/dev/shm/", b"/dmabuf:", b"anon_inode:dmabuf")):  # the last before 5.3
        return 4
    if target.startswith(b"anon_inode:"):  # epoll, eventfd, timerfd, inotify, signalfd …
        return 3
    return 5 if target.startswith(b"/dev/") else 0
