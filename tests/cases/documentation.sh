#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# every command that the README and the manual show works as shown, on a mounted volume
# timeout: 480
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"
. "${CBW_LIB%/*}/examples.sh"

make_vg vg0 128
make_vg vg1 256
make_lv vg1/backup 100
make_lv vg1/metadata 1
make_lv vg1/copy 96
make_lv vg1/base 16
make_lv vg1/changes 8
make_file_system "$(make_lv vg0/data 96)" "$CBW_TMP/data"
data_table=$(dmsetup table vg0-data)
run_examples "$CBW_ROOT/Documentation/dm-cbw.rst" 103
# The last ones have moved the volume; now it is where it was.
umount "$CBW_TMP/data"
dmsetup load vg0-data --table "$data_table"
dmsetup resume vg0-data
mount /dev/mapper/vg0-data "$CBW_TMP/data"
# What the tool does not know of, it does not overwrite.
wipefs -aq /dev/mapper/vg1-backup
run_examples "$CBW_ROOT/Documentation/cbw.rst" 47
assert_eq "$(dmsetup table vg0-data | cut -d' ' -f3)" linear "table at the end"

# The README shows the beginning of the same.
wipefs -aq /dev/mapper/vg1-backup
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
