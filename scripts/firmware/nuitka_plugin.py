"""Runs inside Nuitka: keeps the host out of the program, and ends Nuitka where it would start a compiler.

A user plugin (--user-plugin=FILE) for the version that ``generate.NUITKA`` names: it reaches into what is not
Nuitka's public interface. Its orders come by the environment:

* LASTGASP_INCLUDE: the folder of the *device's* Python.h
* LASTGASP_PLAN: the file that tells what there is to compile, as JSON
"""

import json
import os
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from nuitka.plugins.PluginBase import NuitkaPluginBase  # type: ignore[import-not-found,import-untyped,unused-ignore]


class NuitkaPluginFirmware(NuitkaPluginBase):  # type: ignore[misc,unused-ignore]
    """What Nuitka calls."""

    plugin_name = "lastgasp-firmware"
    plugin_desc = "Cross compilation of the lastgasp agent."

    def onCompilationStartChecks(self) -> None:
        """Before anything is compiled."""
        hard = import_module("nuitka.HardImportRegistry")
        # Constants of this Python, which is not the device's; sys.platform is: both are Linux.
        for name in ("maxsize", "byteorder", "version", "version_info", "hexversion", "builtin_module_names"):
            hard.module_sys_trust.pop(name, None)
        hard.trust_node_factory.pop(("sys", "version_info"), None)

        # Nuitka gives sys.executable and the prefixes of this Python to the program.
        names = ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix")
        constants: Any = import_module("nuitka.code_generation.ConstantCodes")
        constants.sys = SimpleNamespace(executable="", **dict.fromkeys(names, "/usr"))

        include = os.environ["LASTGASP_INCLUDE"]
        versions: Any = import_module("nuitka.PythonVersions")
        versions._target_python_include_path.clear()
        versions._getTargetPythonIncludePath = lambda **_: include
        control: Any = import_module("nuitka.MainControl")
        control.runSconsBackend = self.write_plan

    def write_plan(self) -> None:
        """In place of Nuitka's own build: say what there is to compile, and end."""
        control = import_module("nuitka.MainControl")
        source_dir = control.OutputDirectories.getSourceDirectoryPath(onefile=False, create=False)
        plan = {
            "source_dir": os.path.abspath(source_dir),
            # From 3.13 on Nuitka compiles with copies of CPython's internal headers that it changed.
            "adapted_headers": control.createAdaptedPythonHeaderFiles(source_dir),
            "package": os.path.abspath(sys.modules["nuitka"].__path__[0]),
        }
        with open(os.environ["LASTGASP_PLAN"], "w") as file:
            json.dump(plan, file)
        sys.exit(0)
