#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# every command that the README and the manual show works as shown, on a mounted volume
# timeout: 240
. "$CBW_LIB"
. "${CBW_LIB%/*}/examples.sh"

make_volumes() {
	local disk
	for disk in 0 1; do
		mk_null "disk$disk" 128 > /dev/null
		vgcreate -q "vg$disk" "/dev/disk$disk" > /dev/null
	done
	lvcreate -q -an -Zn -L 96M -n data vg0 > /dev/null
	lvcreate -q -an -Zn -L 100M -n backup vg1 > /dev/null
	lvchange -ay vg0/data vg1/backup
	mkfs.ext4 -q /dev/mapper/vg0-data
	mkdir -p "$CBW_TMP/data"
	mount /dev/mapper/vg0-data "$CBW_TMP/data"
	cp -r /usr/share/common-licenses "$CBW_TMP/data"
}

need_module dm_cbw
export CBW_STATE=$CBW_TMP/state
make_volumes
run_examples "$CBW_ROOT/Documentation/dm-cbw.rst" 32
# What the tool does not know of, it does not overwrite.
wipefs -aq /dev/mapper/vg1-backup
run_examples "$CBW_ROOT/Documentation/cbw.rst" 13
assert_eq "$(dmsetup table vg0-data | cut -d' ' -f3)" linear "table at the end"

# The README shows the beginning of the same.
# shellcheck disable=SC2034 # its name for the length
SIZE=$(dev_sectors /dev/mapper/vg0-data)
run_examples "$CBW_ROOT/README.md" 5
cbw_wait vg0-data completed
umount "$CBW_TMP/data"
# The target device is the job's until its table goes.
dmsetup remove vg0-data
mkdir "$CBW_TMP/backup"
mount -o ro /dev/mapper/vg1-backup "$CBW_TMP/backup"
diff -r /usr/share/common-licenses "$CBW_TMP/backup/common-licenses"
