#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For dracut: the tool, the module and the list of volumes that are attached before the root is mounted.

check() {
	require_binaries cbw dmsetup || return 1
	[[ -n $(/usr/lib/cbw/boot-list) ]] || return 255
}

depends() {
	echo dm lvm
}

installkernel() {
	hostonly='' instmods dm_cbw
}

install() {
	inst_multiple cbw dmsetup lvm /usr/lib/cbw/attach
	/usr/lib/cbw/boot-list > "${initdir:?}/etc/cbw-attach"
	# shellcheck disable=SC2154 # dracut's
	inst_hook pre-mount 10 "$moddir/cbw-attach.sh"
}
