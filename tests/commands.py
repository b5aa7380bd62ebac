"""``lastgasp`` called in this process: what a real command line gives, without the time that it takes to start one."""

from __future__ import annotations

import contextlib
import io
import subprocess
from pathlib import Path

from lastgasp.cli.main import main


def lastgasp(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder, with nothing on standard input and no terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(list(arguments))
        except SystemExit as ended:  # argparse: wrong use, or --help
            status = ended.code if isinstance(ended.code, int) else 1
    texts = [stream.buffer.getvalue() for stream in (out, err) if isinstance(stream.buffer, io.BytesIO)]
    return subprocess.CompletedProcess(list(arguments), status, *texts)
