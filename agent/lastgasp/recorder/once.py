"""Modules that are needed for a moment only: load, use, drop.

On a bytecode device a module's code lies on the heap; what is dropped is used again by what comes later, so
the agent's size is that of its largest moment and not the sum of all.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> "ModuleType":
    """Import ``lastgasp.<name>`` ("recorder.status") without keeping it: it lives as long as the caller holds it.

    Raises ImportError when its file cannot be read, whatever the reason: a device that lost its root file system,
    or is short of descriptors or memory, goes on recording without what the module does.
    """
    path = f"lastgasp.{name}"
    try:
        module: ModuleType = __import__(path, None, None, ("",))
    except (OSError, EOFError, ValueError) as error:  # the import system lets most errors of storage through
        raise ImportError(f"{path}: {error}") from None
    sys.modules.pop(path, None)
    package, _, last = path.rpartition(".")
    if hasattr(sys.modules[package], last):
        delattr(sys.modules[package], last)
    return module
