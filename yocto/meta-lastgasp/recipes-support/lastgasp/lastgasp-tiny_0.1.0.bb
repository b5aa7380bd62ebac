# The agent as one static program with a small libpython of its own: the image needs no Python for it.

require lastgasp.inc
require lastgasp-program.inc

SUMMARY += "(one static program)"

# CPython's sources, of the minor version of python3-native, which freezes the modules: those of the series' python3 in
# the summer of 2026. version, sha256 of the tarball, md5 of its LICENSE.
LASTGASP_CPYTHON[3.12] = "3.12.13 c08bc65a81971c1dd5783182826503369466c7e67374d1646519adf05207b684 fcf6b249c2641540219a727f35d8d2c2"
LASTGASP_CPYTHON[3.13] = "3.13.12 2a84cd31dd8d8ea8aaff75de66fc1b4b0127dd5799aa50a64ae9a313885b4593 3f64a4ff490f884d562feb77bf2435f1"
LASTGASP_CPYTHON[3.14] = "3.14.6 143b1dddefaec3bd2e21e3b839b34a2b7fb9842272883c576420d605e9f30c63 224f30639105a6ab845e068c2d0903ff"
LASTGASP_CPYTHON_USED = "${@d.getVarFlag('LASTGASP_CPYTHON', d.getVar('PYTHON_BASEVERSION'))}"
LASTGASP_CPYTHON_FOLDER = "Python-${@d.getVar('LASTGASP_CPYTHON_USED').split()[0]}"

LICENSE = "MIT & PSF-2.0"
LIC_FILES_CHKSUM += "file://${LASTGASP_CPYTHON_FOLDER}/LICENSE;md5=${@d.getVar('LASTGASP_CPYTHON_USED').split()[2]}"
SRC_URI += "https://www.python.org/ftp/python/${@d.getVar('LASTGASP_CPYTHON_USED').split()[0]}/${LASTGASP_CPYTHON_FOLDER}.tar.xz;name=cpython;subdir=${BP}"
SRC_URI[cpython.sha256sum] = "${@d.getVar('LASTGASP_CPYTHON_USED').split()[1]}"

DEPENDS = "zlib"

do_compile() {
    ${LASTGASP_BUILD_AGENT} --tiny ${S}/${LASTGASP_CPYTHON_FOLDER}
}

RCONFLICTS:${PN} = "lastgasp lastgasp-compiled"
