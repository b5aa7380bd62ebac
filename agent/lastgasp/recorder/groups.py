"""Memory control groups that recorded processes live in: usage, limits, events.

Which groups there are is learned from the processes' identities; at most LIMIT of them are followed.
"""

from lastgasp.proc import cgroup, files
from lastgasp.recorder import once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.rows import Rows

LIMIT = 32


class Groups:
    """The groups in use."""

    def __init__(self, rows: "Rows", root: bytes = b"/") -> None:
        self.rows = rows
        self.version = 0  # 0: no memory controller
        self._base = b""
        self._paths: dict[bytes, bool] = {}  # path: it had a limit when last looked at
        self._table = rows.encoder.table(b"cgroup", cgroup.COLUMNS)
        try:
            with once.borrowed("proc.mounts") as mounts:
                found = mounts.memory_controller(mounts.parse(files.lines(root + b"proc/self/mountinfo")))
        except ImportError:
            return
        if found is not None:
            self.version, point = found
            self._base = root + point.lstrip(b"/")

    def add(self, path: bytes) -> None:
        """A process lives in this group, and so in all groups above it; the limit is often on one of those."""
        while self.version and len(path) > 1 and path not in self._paths and len(self._paths) < LIMIT:
            self._paths[path] = True
            path = path.rpartition(b"/")[0]

    def read(self, all_of_them: bool) -> None:
        """Write the rows of all groups, or only of those with a limit. Groups that are gone are forgotten."""
        for path in [path for path, limited in self._paths.items() if limited or all_of_them]:
            folder = self._base + path.rstrip(b"/") + b"/"
            if self.version == 2:
                raws = [files.read(folder + name, 1024) for name in cgroup.FILES_V2]
                values = cgroup.parse_v2(*raws)
            else:
                raws = [files.read(folder + name, 1024) for name in cgroup.FILES_V1]
                values = cgroup.parse_v1(*raws)
            if raws[0] is None:
                del self._paths[path]
                continue
            self._paths[path] = values[1] is not None
            self.rows.put(self._table, path, values)
