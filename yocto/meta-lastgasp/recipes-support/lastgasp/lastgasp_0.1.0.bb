# The agent as bytecode, run by the image's python3: no compiler needed, any processor.

require lastgasp.inc

# No file here is compiled.
INHIBIT_DEFAULT_DEPS = "1"

do_compile() {
    # The bytecode of one minor version of Python: python3-native has that of the image.
    rm -rf ${B}/lastgasp
    ${PYTHON} ${S}/scripts/build-bytecode ${B}/lastgasp
    cat > ${B}/lastgasp-agent <<EOF
#!/bin/sh
exec ${bindir}/python3 -I -S -E ${nonarch_libdir}/lastgasp/lastgasp-agent.pyc "\$@"
EOF
}

do_install:append() {
    install -d ${D}${nonarch_libdir}
    cp -R --no-dereference --preserve=mode ${B}/lastgasp ${D}${nonarch_libdir}/lastgasp
}

FILES:${PN} += "${nonarch_libdir}/lastgasp"

# zlib, select and struct are in python3-core, socket is in python3-io. ctypes locks the agent in RAM; without it the
# agent runs, and may be blind for seconds when memory is shortest.
RDEPENDS:${PN} = "python3-core python3-io"
RRECOMMENDS:${PN} = "python3-ctypes"
RCONFLICTS:${PN} = "lastgasp-compiled lastgasp-tiny"
