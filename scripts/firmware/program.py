"""The main file of the compiled agent: gives back what only the interpreter's start needed, then runs the agent."""

import gc
import posix
import sys

SOCKET_NAMES = ("socket", "AF_UNIX", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_CLOEXEC", "SOCK_NONBLOCK")
POSIX_NAMES: tuple[str, ...] = ()
# Their classes and functions serve codecs other than UTF-8, which is built in.
TEXT_MODULES = ("encodings.aliases", "encodings.utf_8", "encodings", "codecs", "io", "abc")


def keep(module: object, names: "tuple[str, ...]") -> None:
    """Forget all else that a module has."""
    namespace = vars(module)
    kept = {name: value for name, value in namespace.items() if name in names or name.startswith("__")}
    namespace.clear()  # so that the large table goes, too
    namespace.update(kept)


def give_back() -> None:
    """Forget 600 names of sockets, 300 of system calls, codecs, and where the library is."""
    import _socket

    for name in ("_ctypes", "_struct", "select", "zlib", "binascii"):  # while the library can still be found
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
            module = sys.modules.pop(name, None)
            if module is not None:
                vars(module).clear()
    sys.modules.pop("zipimport", None)
    sys.path_hooks[:] = sys.path_hooks[1:]
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.stdin = sys.__stdin__ = None  # type: ignore[misc]
    gc.collect()
    keep(gc, ())
    del sys.modules["gc"]


if sys.argv[1:2] == ["run"]:
    give_back()
from lastgasp.recorder.main import main  # noqa: E402

sys.exit(main())
