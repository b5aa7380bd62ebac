"""Where the tiny program begins: what only the interpreter's start needed is given back before the agent is loaded."""

import sys

SOCKET_NAMES = ("socket", "AF_UNIX", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_CLOEXEC", "SOCK_NONBLOCK")
POSIX_NAMES: tuple[str, ...] = ()  # what the agent uses; frozen.py fills it in


def keep(module: object, names: "tuple[str, ...]") -> None:
    """Of a module's names, only these."""
    namespace = vars(module)
    kept = {name: value for name, value in namespace.items() if name in names or name[:2] == "__"}
    namespace.clear()  # so that the large table goes, too
    namespace.update(kept)


def main() -> int:
    """The agent's exit status."""
    if sys.argv[1:2] == ["run"]:
        import _socket
        import posix

        keep(_socket, SOCKET_NAMES)
        keep(posix, POSIX_NAMES)
        del sys.modules["start"]
    from lastgasp.recorder.main import main

    return main()
