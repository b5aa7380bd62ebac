"""The import system of the tiny program, in place of importlib's (``_frozen_importlib``): built in, or frozen.

There is no file to look for, no path, no cache, no lock (one thread imports) and no specification kept on each
module; the standard one takes 120 kB of memory for these. The names that the interpreter itself uses, 3.11 to 3.14,
are all that is here: see import.c and pylifecycle.c.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _imp
    import sys
    from types import ModuleType


class Spec:
    """What a built-in module is created from."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class BuiltinImporter:
    """``__main__.__loader__`` must be something."""


def _find_and_load(name: str, _import: object) -> "ModuleType":
    """The module, from sys.modules or made now, with its packages. Raises ModuleNotFoundError."""
    module = sys.modules.get(name)
    if module is not None:
        return module
    package, _, last = name.rpartition(".")
    parent = _find_and_load(package, _import) if package else None
    if _imp.is_builtin(name):
        module = _imp.create_builtin(Spec(name))  # type: ignore[arg-type]
        sys.modules[name] = module
        _imp.exec_builtin(module)
    elif last and _imp.is_frozen(name):
        module = _frozen(name, package)
    else:
        raise ModuleNotFoundError("No module named " + repr(name), name=name)
    if parent is not None:
        setattr(parent, last, module)
    return module


def _frozen(name: str, package: str) -> "ModuleType":
    module = type(sys)(name)
    if _imp.is_frozen_package(name):
        module.__path__ = []
        package = name
    module.__package__ = package
    sys.modules[name] = module
    try:
        exec(_imp.get_frozen_object(name), module.__dict__)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return sys.modules[name]


def _handle_fromlist(module: "ModuleType", names: "tuple[str, ...]", import_: object) -> object:
    """``from package import module``."""
    for name in names:
        if name and not hasattr(module, name):
            try:
                _find_and_load(module.__name__ + "." + name, import_)
            except ModuleNotFoundError as error:
                if error.name != module.__name__ + "." + name:
                    raise
    return module


def _lock_unlock_module(name: str) -> None:
    """One thread imports."""


def _install(sys_module: "ModuleType", imp_module: "ModuleType") -> None:
    """The first call: nothing can be imported before it."""
    global sys, _imp
    sys = sys_module
    _imp = imp_module


def _install_external_importers() -> None:
    """There are none."""
