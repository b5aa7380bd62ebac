"""Modules that are needed for a moment only: borrow, use, give back.

On a bytecode device a module's code lies on the heap; what is given back is used again by what comes later, so
the agent's size is that of its largest moment and not the sum of all.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> "ModuleType":
    """Import ``lastgasp.<name>`` ("recorder.status") anew: the module belongs to the caller alone.

    Raises ImportError when its file cannot be read, whatever the reason: a device that lost its root file system,
    or is short of descriptors or memory, goes on recording without what the module does.
    """
    path = f"lastgasp.{name}"
    package, _, last = path.rpartition(".")
    known = sys.modules.pop(path, None)
    try:
        module: ModuleType = __import__(path, None, None, ("",))
    except (OSError, EOFError, ValueError) as error:  # the import system lets most errors of storage through
        raise ImportError(f"{path}: {error}") from None
    finally:
        sys.modules.pop(path, None)
        if known is not None:
            sys.modules[path] = known
        elif hasattr(sys.modules.get(package), last):
            delattr(sys.modules[package], last)
    return module


class borrowed:
    """``with borrowed("recorder.status") as status:`` has the module, and nothing of it after that.

    A module and its functions hold one another, and the garbage collector comes round to old objects when a quarter
    as many new ones wait for it, which takes days: measured, 230 KiB in 20,000 samples. So the ties are cut here.
    What is kept of the module must not be a function or a class that uses another. A class that it defines waits for
    the collector all the same: modules that are borrowed again and again have none.
    """

    __slots__ = ("module", "name")

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> "ModuleType":
        """Raises ImportError."""
        self.module = load(self.name)
        return self.module

    def __exit__(self, *_: object) -> None:
        vars(self.module).clear()
        del self.module
