################################################################################
#
# lastgasp
#
################################################################################

LASTGASP_VERSION = 0.1.0
LASTGASP_SITE = $(realpath $(BR2_EXTERNAL_LASTGASP_PATH)/..)
LASTGASP_SITE_METHOD = local
# libpython and zlib are part of the tiny program.
LASTGASP_LICENSE = MIT$(if $(BR2_PACKAGE_LASTGASP_TINY),$(comma) Python-2.0 (libpython)$(comma) Zlib (zlib))
LASTGASP_LICENSE_FILES = LICENSE
LASTGASP_DEPENDENCIES = host-python3
# Of a checkout, what the build needs.
LASTGASP_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--include=/LICENSE \
	--include=/agent \
	--include=/scripts \
	--exclude=/* \
	--exclude=__pycache__

LASTGASP_PYTHON = $(HOST_DIR)/bin/python3
# It waits for a timer nearly all the time: size counts, also in memory.
LASTGASP_BUILD_ENV = \
	$(TARGET_MAKE_ENV) \
	PYTHONDONTWRITEBYTECODE=1 \
	CFLAGS="$(TARGET_CFLAGS) -Os" \
	LDFLAGS="$(TARGET_LDFLAGS)"

ifeq ($(BR2_PACKAGE_LASTGASP_COMPILED),y)
LASTGASP_DEPENDENCIES += host-python-nuitka python3
define LASTGASP_BUILD_CMDS
	$(LASTGASP_BUILD_ENV) $(LASTGASP_PYTHON) $(@D)/scripts/build-agent \
		-o $(@D)/lastgasp-agent --jobs $(PARALLEL_JOBS) \
		--python $(LASTGASP_PYTHON) --cc "$(TARGET_CC)" --sysroot $(STAGING_DIR)
endef
endif

ifeq ($(BR2_PACKAGE_LASTGASP_TINY),y)
# host-python3 has had the tarball downloaded, and checked against
# Buildroot's hash; its Python lacks the module that unpacks it.
ifeq ($(PYTHON3_OVERRIDE_SRCDIR),)
LASTGASP_PYTHON_SOURCE = $(@D)/cpython
define LASTGASP_UNPACK_PYTHON
	mkdir -p $(@D)/cpython
	$(call suitable-extractor,$(PYTHON3_SOURCE)) $(PYTHON3_DL_DIR)/$(PYTHON3_SOURCE) | \
		$(TAR) --strip-components=1 -C $(@D)/cpython $(TAR_OPTIONS) -
endef
LASTGASP_PRE_BUILD_HOOKS += LASTGASP_UNPACK_PYTHON
else
LASTGASP_PYTHON_SOURCE = $(PYTHON3_OVERRIDE_SRCDIR)
endif
LASTGASP_DEPENDENCIES += host-libzlib
define LASTGASP_BUILD_CMDS
	$(LASTGASP_BUILD_ENV) $(LASTGASP_PYTHON) $(@D)/scripts/build-agent \
		-o $(@D)/lastgasp-agent --jobs $(PARALLEL_JOBS) \
		--tiny $(LASTGASP_PYTHON_SOURCE) --zlib $(HOST_LIBZLIB_DIR) \
		--python $(LASTGASP_PYTHON) --cc "$(TARGET_CC)"
endef
endif

ifeq ($(BR2_PACKAGE_LASTGASP_BYTECODE),y)
LASTGASP_DEPENDENCIES += python3
define LASTGASP_BUILD_CMDS
	$(LASTGASP_BUILD_ENV) $(LASTGASP_PYTHON) $(@D)/scripts/build-bytecode $(@D)/bytecode
endef
define LASTGASP_INSTALL_PROGRAM
	rm -rf $(TARGET_DIR)/usr/lib/lastgasp
	mkdir -p $(TARGET_DIR)/usr/lib
	cp -r $(@D)/bytecode $(TARGET_DIR)/usr/lib/lastgasp
	$(INSTALL) -D -m 0755 $(LASTGASP_PKGDIR)/lastgasp-agent $(TARGET_DIR)/usr/bin/lastgasp-agent
endef
else
define LASTGASP_INSTALL_PROGRAM
	$(INSTALL) -D -m 0755 $(@D)/lastgasp-agent $(TARGET_DIR)/usr/bin/lastgasp-agent
endef
endif

LASTGASP_CONFIG = $(or $(call qstrip,$(BR2_PACKAGE_LASTGASP_CONFIG)),$(@D)/agent/lastgasp/recorder/lastgasp.conf)
LASTGASP_RING_MOUNT = $(call qstrip,$(BR2_PACKAGE_LASTGASP_RING_MOUNT))
LASTGASP_OOM_POLICY = $(call qstrip,$(BR2_PACKAGE_LASTGASP_OOM_POLICY))

# A mistake in it ends the build, and not the agent on the device.
define LASTGASP_INSTALL_CONFIG
	$(LASTGASP_BUILD_ENV) $(LASTGASP_PYTHON) $(@D)/scripts/make-conf $(LASTGASP_CONFIG) \
		-o $(TARGET_DIR)/etc/lastgasp.conf \
		$(if $(LASTGASP_OOM_POLICY),--oom-policy $(LASTGASP_OOM_POLICY)) \
		$(if $(LASTGASP_RING_MOUNT),ring_mount=$(LASTGASP_RING_MOUNT)) \
		ring_path=$(BR2_PACKAGE_LASTGASP_RING_PATH) \
		ring_size=$(BR2_PACKAGE_LASTGASP_RING_SIZE)
endef

define LASTGASP_INSTALL_TARGET_CMDS
	$(LASTGASP_INSTALL_PROGRAM)
	$(LASTGASP_INSTALL_CONFIG)
endef

ifeq ($(BR2_PACKAGE_LASTGASP_INIT),y)
define LASTGASP_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/agent/service/lastgasp.sysv \
		$(TARGET_DIR)/etc/init.d/S01lastgasp
endef

define LASTGASP_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/agent/service/lastgasp.service \
		$(TARGET_DIR)/usr/lib/systemd/system/lastgasp.service
endef

define LASTGASP_INSTALL_INIT_OPENRC
	$(INSTALL) -D -m 0755 $(@D)/agent/service/lastgasp.openrc \
		$(TARGET_DIR)/etc/init.d/lastgasp
endef
endif

ifeq ($(BR2_PACKAGE_LASTGASP_SLIM_PYTHON),y)
# After the hooks of python3, which make its bytecode.
define LASTGASP_SLIM_PYTHON
	$(LASTGASP_BUILD_ENV) $(LASTGASP_PYTHON) $(LASTGASP_DIR)/scripts/slim-python $(TARGET_DIR) \
		$(if $(BR2_PACKAGE_LASTGASP_COMPILED),--without-interpreter)
endef
LASTGASP_TARGET_FINALIZE_HOOKS += LASTGASP_SLIM_PYTHON
endif

$(eval $(generic-package))
