"""What a device runs: ``lastgasp-agent.pyc``, compiled by build-bytecode, which explains the files around it.

For ``run`` it gives memory back that only the interpreter's start needed, before the agent's own code takes its
place there, and loads the agent's modules without the import system's notes on each.
"""

import gc
import marshal
import posix
import sys

FOLDER = __file__.rpartition("/")[0] or "."  # type: ignore[name-defined,unused-ignore]
# glibc keeps freed memory in caches that one small thread never fills again (200 kB), and at the end of the heap
# (60 kB; six system calls and page faults a sample to do without).
TUNABLES = (
    b"glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:glibc.malloc.trim_threshold=16384:glibc.malloc.top_pad=4096"
)
SOCKET_NAMES = ("socket", "AF_UNIX", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_CLOEXEC", "SOCK_NONBLOCK")
POSIX_NAMES: tuple[str, ...] = ()  # what the agent and the import system use; build-bytecode fills it in
# Their classes and functions serve codecs other than UTF-8, which is built in.
TEXT_MODULES = ("encodings.aliases", "encodings.utf_8", "encodings", "codecs", "io", "abc")


def tune_malloc() -> None:
    """Start over, once, with malloc's caches off; the setting is read before main(), so it takes an exec."""
    given = posix.environ.get(b"GLIBC_TUNABLES", b"")
    if b"glibc.malloc.tcache_count" in given:
        return
    environment = dict(posix.environ)
    environment[b"GLIBC_TUNABLES"] = TUNABLES + b":" + given if given else TUNABLES
    try:
        posix.execve("/proc/self/exe", sys.orig_argv, environment)
    except OSError:
        pass  # no /proc: as it is, then


def give_back() -> None:
    """Forget what only the start needed.

    That is 600 names of sockets, 300 of system calls (40 kB), codecs (40 kB), listings of the library.
    """
    import _socket

    def keep(module: object, names: "tuple[str, ...]") -> None:
        namespace = vars(module)
        kept = {name: value for name, value in namespace.items() if name in names or name.startswith("__")}
        namespace.clear()  # so that the large table goes, too
        namespace.update(kept)

    for name in ("_ctypes", "_struct", "select", "zlib"):  # while the library can still be found
        try:
            __import__(name)
        except ImportError:
            pass
    small = sys.modules["_socket"] = type(sys)("_socket")
    for name in SOCKET_NAMES:
        setattr(small, name, getattr(_socket, name))
    keep(posix, POSIX_NAMES)
    stderr = sys.stderr
    if stderr is None or stderr.encoding == "utf-8":
        for name in TEXT_MODULES:
            vars(sys.modules.pop(name)).clear()
    sys.modules.pop("zipimport", None)
    sys.path_hooks[:] = sys.path_hooks[1:]
    sys.path[:] = [FOLDER]
    sys.path_importer_cache.clear()
    sys.stdin = sys.__stdin__ = None  # type: ignore[assignment,misc]
    gc.collect()
    keep(gc, ())
    del sys.modules["gc"]


def load() -> None:
    """Run the hot modules in their order, each dropped from the file's buffer before the next."""
    fd = posix.open(FOLDER + "/lastgasp-agent.hot", posix.O_RDONLY | posix.O_CLOEXEC)
    while True:
        size = int.from_bytes(posix.read(fd, 4), "little")
        if not size:
            break
        name, folder, code = marshal.loads(posix.read(fd, size))
        module = sys.modules[name] = type(sys)(name)
        package, _, last = name.rpartition(".")
        if folder:
            module.__path__ = [FOLDER + "/" + folder.rstrip("/")]
            package = name
        module.__package__ = package
        if name != "lastgasp":
            setattr(sys.modules[name.rpartition(".")[0]], last, module)
        exec(code, vars(module))
    posix.close(fd)


sys.path.insert(0, FOLDER)
if sys.argv[1:2] == ["run"]:
    tune_malloc()
    give_back()
    load()
from lastgasp.recorder.main import main  # noqa: E402

del give_back, load, tune_malloc
sys.exit(main())
