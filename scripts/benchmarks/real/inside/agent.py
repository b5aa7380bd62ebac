"""The agent as it is, but it learns no more of the kernel's release than its version: it tells whose machine it is."""

import posix
import sys
import types

sys.path.insert(0, sys.argv.pop(1))
_REAL = posix.uname()


def _uname() -> types.SimpleNamespace:
    return types.SimpleNamespace(
        sysname=_REAL.sysname,
        nodename="lastgasp-real",
        release=_REAL.release.partition("-")[0],
        version=_REAL.version,
        machine=_REAL.machine,
    )


posix.uname = _uname  # type: ignore[assignment]

from lastgasp.recorder.main import main  # noqa: E402

sys.exit(main())
