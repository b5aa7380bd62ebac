# Only with DISTRO_FEATURES:append = " lastgasp-kernel": else the kernel stays as it is.
require ${@bb.utils.contains('DISTRO_FEATURES', 'lastgasp-kernel', 'linux-lastgasp.inc', '', d)}
