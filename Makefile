# SPDX-License-Identifier: GPL-2.0-only
#
# The verbs of this tree; what the module consists of stands in Kbuild.

# The running kernel where it can be built for, else the newest one that can.
installed := $(patsubst /lib/modules/%/build,%,$(wildcard /lib/modules/*/build))
KVER ?= $(firstword $(filter $(shell uname -r),$(installed)) $(shell printf '%s\n' $(installed) | sort -rV))
KDIR ?= /lib/modules/$(KVER)/build

kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)
# KERNEL: one of the kernels that tests/kernels/get knows, with a module of its own.
runner = tests/run --kernel $(or $(KERNEL),$(KVER))

.DEFAULT_GOAL := all
.PHONY: all module tools install helpers setup test core long debug soak matrix coverage mutants kill system packages dist deb rpm metrics kernel-patch check check-long bench demo shell clean help print-KDIR

all: module tools ## build the module and the tool

module: ## build dm_cbw.ko for the kernel KVER
	@test -d "$(KDIR)" || { echo "no kernel headers in '$(KDIR)'; scripts/setup installs them, KVER= chooses" >&2; exit 1; }
	$(kbuild) modules

tools: ## build the tool, tools/cbw
	$(MAKE) -C tools

install: all ## install both, the module for that kernel
	$(kbuild) modules_install
	depmod $(KVER)
	$(MAKE) -C tools install $(shell /usr/bin/python3 -c 'import docutils' 2> /dev/null && echo install-man)

helpers: tools
	$(if $(wildcard tests/oracle/Makefile),$(MAKE) -C tests/oracle)
	$(if $(wildcard tests/fuzz/Makefile),$(MAKE) -C tests/fuzz)
	$(if $(wildcard tests/tool/Makefile),$(MAKE) -C tests/tool)
	$(MAKE) -C $(KDIR) M=$(CURDIR)/tests/modules modules

setup: ## install the packages that building and testing need
	@scripts/setup

# KVER is looked up anew after the set-up, which may have brought the kernel.
test: setup ## build and run the fast tests in a virtual machine; KERNEL= chooses: 6.12, lockdep, ...
	@$(MAKE) --no-print-directory run-fast
core: setup ## the most telling of them
	@$(MAKE) --no-print-directory run-core
long: setup ## all that does not fit into CI: a day
	@$(MAKE) --no-print-directory --keep-going run-all debug matrix coverage mutants kill system packages metrics kernel-patch bench check-long
debug: setup ## all fast tests on the kernels that look for bugs, and the long ones that are for those
	@$(MAKE) --no-print-directory helpers
	@status=0; export CBW_PATIENCE=$${CBW_PATIENCE:-6}; \
	KERNELS="lockdep kasan kcsan" tests/kernels/matrix || status=1; \
	tests/run --kernel lockdep fuzz-long || status=1; \
	tests/run --kernel kasan rule11-kmemleak fuzz-long || status=1; \
	exit $$status
matrix: setup ## build for every supported kernel and test there; KERNELS="6.12 7.2" for some of them
	@$(MAKE) --no-print-directory helpers
	@tests/kernels/matrix
coverage: setup ## which lines of the module do the fast tests not run?
	@$(MAKE) --no-print-directory run-fast KERNEL=lockdep options=--coverage
soak: setup ## any load and any fault, for MINUTES=10; SEED= runs it again
	@CBW_MINUTES=$(or $(MINUTES),10) $(MAKE) --no-print-directory run-soak
mutants: helpers ## break one rule after the other: do the tests notice?
	@KVER=$(KVER) tests/mutants/run
kill: module helpers ## kill virtual machines in mid-work: does what was synced survive?
	@tests/kill/run
	@tests/kill/tracked
system: module helpers ## back up and move the root of a running Debian; do the backup, the restored and the moved root boot?
	@tests/system/run && tests/system/moved
packages: module helpers ## make the packages, and install, use, upgrade and remove them in a clean Debian
	@scripts/setup $(for_deb) rpm
	@tests/packages/run
metrics: ## do the example alerts and the dashboard fit what the tool says?
	@scripts/setup prometheus
	@tests/packages/metrics && echo "1 passed, 0 failed"
bench: ## measure it and its peers, on a clock that no other load disturbs; CHECK=1 fails if a bar is missed
	@scripts/setup gnuplot-nox
	@$(MAKE) --no-print-directory module helpers
	@KVER=$(KVER) tests/bench/run
demo: setup ## show a backup of a busy device, in a virtual machine
	@$(MAKE) --no-print-directory module helpers
	@tests/demo/run
check: setup ## static checks, unit tests and models
	@scripts/check
check-long: setup ## the unit tests with far more operations, and fuzzing
	@$(MAKE) -C tests/unit check-long && echo "1 passed, 0 failed"

# What these need is not needed for a build.
for_deb := dpkg-dev debhelper dh-dkms
dist: ## a tarball for release, and its checksum, in .build/dist
	@packaging/dist
deb: ## packages for Debian, dm-cbw-dkms and cbw, in .build/deb
	@scripts/setup $(for_deb)
	@packaging/deb
rpm: ## packages for rpm, in .build/rpm
	@scripts/setup rpm
	@packaging/rpm/build
kernel-patch: setup ## the module as patches for a kernel's tree, in .build/kernel-patch, tried on the newest
	@tests/packages/kernel-patch

print-KDIR:
	@echo $(KDIR)

run-%: $(if $(KERNEL),,module) helpers
	@$(runner) --tier $* $(if $(BUDGET),--budget $(BUDGET)) $(if $(JOBS),--jobs $(JOBS)) $(options)

shell: $(if $(KERNEL),,module) helpers ## a shell in a virtual machine with the module at hand
	@$(runner) --shell

clean: ## remove what was built, and the logs of tests
	$(if $(wildcard $(KDIR)),$(kbuild) clean && $(MAKE) -C $(KDIR) M=$(CURDIR)/tests/modules clean)
	$(if $(wildcard tests/oracle/Makefile),$(MAKE) -C tests/oracle clean)
	$(if $(wildcard tests/fuzz/Makefile),$(MAKE) -C tests/fuzz clean)
	$(if $(wildcard tests/unit/Makefile),$(MAKE) -C tests/unit clean)
	$(if $(wildcard tests/tool/Makefile),$(MAKE) -C tests/tool clean)
	$(MAKE) -C tools clean
	rm -rf .build

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1	\2/p' Makefile | expand -t 14
