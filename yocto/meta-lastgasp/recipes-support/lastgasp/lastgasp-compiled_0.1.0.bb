# The agent compiled by Nuitka into one program that needs the image's libpython3 and its standard library.

require lastgasp.inc
require lastgasp-program.inc

SUMMARY += "(compiled)"

DEPENDS = "python3 python3-nuitka-native"

do_compile() {
    ${LASTGASP_BUILD_AGENT}
}

RDEPENDS:${PN} = "python3-core python3-io"
RRECOMMENDS:${PN} = "python3-ctypes"
RCONFLICTS:${PN} = "lastgasp lastgasp-tiny"
