"""Modules that are needed for a moment only: load, use, drop.

On a bytecode device a module's code lies on the heap; what is dropped is used again by what comes later, so
the agent's size is that of its largest moment and not the sum of all.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> "ModuleType":
    """Import ``lastgasp.recorder.<name>`` without keeping it: it lives as long as the caller holds it."""
    package = "lastgasp.recorder"
    module: ModuleType = __import__(f"{package}.{name}", None, None, ("",))
    sys.modules.pop(f"{package}.{name}", None)
    parent = sys.modules[package]
    if hasattr(parent, name):
        delattr(parent, name)
    return module
