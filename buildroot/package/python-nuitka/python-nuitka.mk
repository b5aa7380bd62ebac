################################################################################
#
# python-nuitka
#
################################################################################

PYTHON_NUITKA_VERSION = 4.3.3
PYTHON_NUITKA_SOURCE = nuitka-$(PYTHON_NUITKA_VERSION).tar.gz
PYTHON_NUITKA_SITE = https://files.pythonhosted.org/packages/c0/5b/b3ec9a3373f1f1ad546d31101b41fb07befee7ecf734bab6c75a935b43bf
PYTHON_NUITKA_SETUP_TYPE = setuptools
# The exception is about what Nuitka writes into the programs it compiles.
PYTHON_NUITKA_LICENSE = AGPL-3.0 with runtime exception
PYTHON_NUITKA_LICENSE_FILES = LICENSE.txt LICENSE-RUNTIME.txt

$(eval $(host-python-package))
