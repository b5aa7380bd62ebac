"""Debian packages of any suite and architecture: fetched once, unpacked without root.

apt-get runs with its own configuration, lists and cache below the working folder; the host's package
database, lists and settings stay as they are. The mirror is the one that the host's own apt uses
($LASTGASP_MIRROR names another, for hosts that are not Debian). What is unpacked is used for ever:
remove the working folder to fetch newer versions.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .errors import BedError, Unavailable, require

SUITES = re.compile(
    r"(bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)(-updates|-backports)?"
)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
KERNEL_PART = re.compile(r"linux-(image|binary|modules|base)-\d\S*")
NETWORK_TIMEOUT_S = 900


def host_sources(etc_apt: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (address, suites, signing key) of each source below the host's /etc/apt."""
    lists = [etc_apt / "sources.list", *sorted(etc_apt.glob("sources.list.d/*.list"))]
    for path in filter(Path.is_file, lists):
        for line in path.read_text().splitlines():
            match = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)", line)
            if match:
                key = re.search(r"signed-by=(/\S+)", match[1] or "")
                yield match[2], match[3], key[1] if key else ""
    for path in sorted(etc_apt.glob("sources.list.d/*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^(\S+?):[ \t]*(.*)$", stanza, flags=re.M))
            if "deb" in fields.get("Types", "").split():
                key = fields.get("Signed-By", "")
                for address in fields.get("URIs", "").split():
                    yield address, fields.get("Suites", ""), key if key.startswith("/") else ""


def mirror(etc_apt: Path = Path("/etc/apt")) -> tuple[str, str]:
    """Return (address, signing key file) of the Debian mirror that the host uses.

    Raises Unavailable when the host has none: it is not Debian, or apt is set up in another way.
    """
    if address := os.environ.get("LASTGASP_MIRROR"):
        return address, KEYRING
    for address, suites, key in host_sources(etc_apt):
        if any(SUITES.fullmatch(suite) for suite in suites.split()) and not address.startswith("cdrom:"):
            return address, key or KEYRING
    raise Unavailable(f"no Debian mirror in {etc_apt}; set LASTGASP_MIRROR to the address of one")


class Archive:
    """The packages of one suite and architecture, cached below `folder`."""

    def __init__(self, folder: Path, suite: str, arch: str) -> None:
        self.suite = suite
        self.arch = arch
        self.folder = folder / "packages" / f"{suite}-{arch}"

    def package(self, name: str) -> Path:
        """Return the folder into which this package is unpacked, fetching it when it is not there yet."""
        return self.packages([name])[0]

    def packages(self, names: list[str]) -> list[Path]:
        """Return the folders of several packages; what is missing is fetched in one go."""
        missing = [name for name in names if not (self.folder / name).is_dir()]
        if missing:
            self._fetch(missing)
        return [self.folder / name for name in names]

    def kernel_packages(self, meta: str) -> list[str]:
        """Return the names of the packages that make up the kernel on which `meta` depends.

        Up to 6.12 that is one linux-image-VERSION; later the image, its modules and their base are packages
        of their own. The answer is kept, so that a run needs no network once everything is there.
        """
        answer = self.folder / f"{meta}.parts"
        if not answer.is_file():
            found: list[str] = []
            queue = [meta]
            while queue:
                output = self._apt("apt-cache", "depends", "--important", queue.pop())
                for name in re.findall(r"Depends: (\S+)", output):
                    if KERNEL_PART.fullmatch(name) and name not in found:
                        found.append(name)
                        queue.append(name)
            if not found:
                raise BedError(f"{self.suite} has no kernel for {self.arch} ({meta})")
            answer.write_text("\n".join(found))
        return answer.read_text().split()

    def _fetch(self, names: list[str]) -> None:
        """Download and unpack packages; each folder appears whole or not at all."""
        require("dpkg-deb", "dpkg")
        incoming = self.folder / "incoming"
        shutil.rmtree(incoming, ignore_errors=True)
        self._prepare()
        incoming.mkdir()
        self._apt("apt-get", "download", *names, cwd=incoming)
        for name in names:
            archives = list(incoming.glob(f"{name}_*.deb"))
            if len(archives) != 1:
                raise BedError(f"apt-get download gave no {name} for {self.suite} {self.arch}")
            unpacked = incoming / name
            subprocess.run(["dpkg-deb", "-x", archives[0], unpacked], check=True)
            unpacked.rename(self.folder / name)
        shutil.rmtree(incoming)

    def _prepare(self) -> None:
        """Write the private configuration and read the suite's package list, once."""
        apt = self.folder / "apt"
        if (apt / "ready").exists():
            return
        for part in ("lists/partial", "cache/archives/partial"):
            (apt / part).mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        address, key = mirror()
        (apt / "sources.list").write_text(f"deb [signed-by={key}] {address} {self.suite} main\n")
        (apt / "apt.conf").write_text(
            # The host's hooks would act on the host, its pins and sources are for its own packages.
            "#clear APT::Update;\n#clear APT::Architectures;\n#clear DPkg::Post-Invoke;\n"
            f'APT::Architecture "{self.arch}";\nAPT::Architectures {{ "{self.arch}"; }};\n'
            f'Dir::Etc::sourcelist "{apt}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
            'Dir::Etc::preferences "/dev/null";\nDir::Etc::preferencesparts "/dev/null";\n'
            f'Dir::State::lists "{apt}/lists";\nDir::State::status "{apt}/status";\n'
            f'Dir::Cache "{apt}/cache";\n'
            # apt's own user may not enter the working folder.
            'APT::Sandbox::User "root";\nAcquire::Languages "none";\nAcquire::Retries "3";\n'
        )
        self._apt("apt-get", "update", "--error-on=any")
        (apt / "ready").touch()

    def _apt(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run apt with the private configuration; return what it prints."""
        require(program, "apt")
        if arguments[0] != "update":
            self._prepare()
        command = [program, "-c", str(self.folder / "apt/apt.conf"), "-qq", *arguments]
        try:
            done = subprocess.run(
                command, cwd=cwd, capture_output=True, text=True, check=False, timeout=NETWORK_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{program} {arguments[0]} took over {NETWORK_TIMEOUT_S} s") from None
        if done.returncode:
            reason = (re.findall(r"^E: (.*)$", done.stderr, flags=re.M) or ["no reason given"])[0]
            # A package of another name is for the bed to know; a mirror that does not answer, or lacks a suite, is not.
            kind = BedError if re.search("Unable to locate|No packages found", done.stderr) else Unavailable
            raise kind(f"{program} {arguments[0]} for {self.suite} {self.arch} failed: {reason}")
        return done.stdout
