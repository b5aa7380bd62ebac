"""Lists of packages for tests: where the real ones are, and others as the tools' sources write them."""

from __future__ import annotations

from pathlib import Path

REAL = Path(__file__).parent / "packages"

# Written by meta/lib/oe/packagedata.py; the second as before Yocto 3.4.
PACKAGE_DATA = b"""\
PN: foo
PE: 0
PV: 1.4.2
PR: r0
PKGV: 1.4.2
PKGR: r0
LICENSE: MIT & BSD-3-Clause
DESCRIPTION: A library.\\nIt leaks.
SUMMARY: A library
RDEPENDS:libfoo: glibc (>= 2.39)
SECTION: libs
PKG:libfoo: libfoo1
FILES:libfoo: /usr/lib/lib*.so.*
FILES_INFO:libfoo: {"/usr/lib/libfoo.so.1": 14, "/usr/lib/libfoo.so.1.4.2": 91234, "/usr/share/\\\\udcff\\\\u00e4": 3}
pkg_postinst:libfoo: #!/bin/sh\\nset -e\\n
PKGSIZE:libfoo: 91248
"""
OLD_PACKAGE_DATA = b"""\
PN: sensord
PV: 2.1
PKGV: 2.1+git0+abcdef
LICENSE_sensord: CLOSED
PKG_sensord: sensord
FILES_INFO_sensord: {"/usr/bin/sensord": 4711}
PKGSIZE_sensord: 4711
"""
LICENCES = b"""\
PACKAGE NAME: busybox
PACKAGE VERSION: 1.36.1
RECIPE NAME: busybox
LICENSE: GPL-2.0-only & bzip2-1.0.4

PACKAGE NAME: libfoo
PACKAGE VERSION: 1.4.2
RECIPE NAME: foo
LICENSE: MIT & BSD-3-Clause

"""
IMAGE = b"base-files qemuarm 3.0.14-r0\nlibfoo1 cortexa15t2hf-neon 1.4.2-r0.3\nsensord cortexa15t2hf-neon 2.1+git0-r1\n"
MANIFEST = b"""\
"PACKAGE","VERSION","LICENSE","LICENSE FILES","SOURCE ARCHIVE","SOURCE SITE","DEPENDENCIES WITH LICENSES"
"busybox","1.37.0","GPL-2.0, bzip2-1.0.4","LICENSE archival/libarchive/bz/LICENSE","busybox-1.37.0.tar.bz2","",""
"sensord","feature/new","unknown","not saved","not saved","not saved","libfoo [MIT]"
"""
OPKG = b"""\
Package: libfoo1
Version: 1.4.2-r0
Depends: libc6 (>= 2.39)
Status: install ok installed
Architecture: cortexa15t2hf-neon
Conffiles:
 /etc/foo.conf 0123456789abcdef
Installed-Time: 1732350000

Package: old
Version: 1
Status: deinstall ok not-installed
Architecture: all
"""
APK = b"""\
C:Q1abcdefabcdefabcdefabcdef=
P:musl
V:1.2.5-r1
A:aarch64
L:MIT
o:musl
F:lib
R:ld-musl-aarch64.so.1
a:0:0:755
Z:Q1xyz=
R:libc.musl-aarch64.so.1

P:libfoo
V:1.4.2-r3
F:usr/lib
R:libfoo.so.1.4.2
F:
R:.top

"""
