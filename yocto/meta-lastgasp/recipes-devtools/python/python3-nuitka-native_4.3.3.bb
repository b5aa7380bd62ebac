SUMMARY = "Python compiler, which makes C out of the modules of lastgasp-compiled"
HOMEPAGE = "https://nuitka.net"
# It runs on the build host only. What of it gets into a compiled program, its C run time, is under the exception.
LICENSE = "AGPL-3.0-only & Nuitka-Runtime-Library-Exception"
NO_GENERIC_LICENSE[Nuitka-Runtime-Library-Exception] = "LICENSE-RUNTIME.txt"
LIC_FILES_CHKSUM = "file://LICENSE.txt;md5=eb1e647870add0502f8f010b19de32af \
                    file://LICENSE-RUNTIME.txt;md5=4aa0c41c5eec812229d9c9f415636d29"

PYPI_PACKAGE = "nuitka"
SRC_URI[sha256sum] = "3bed65735d5cfc53dc13070f9f17c52dbe584c0f03de32b6ef011f5db674add9"

inherit pypi setuptools3 native
