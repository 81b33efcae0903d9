#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# write-zeroes and discards that reach the device as such wait for copies like any write
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

disks='/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*'
# No other simple disk takes write-zeroes that keep the space.
need_module sd_mod
modprobe -q scsi_debug dev_size_mb=48 lbpu=1 lbpws=1 delay=0 || skip_without "module scsi_debug"
retry 30 compgen -G "$disks" > /dev/null || fail "the disk does not come"
# shellcheck disable=SC2086 # a pattern
origin=/dev/$(basename $disks)
retry 10 test -b "$origin"
target=$(mk_null target 49)
stamp_devices
(($(cat "/sys/block/$(dmsetup info -c --noheadings -o blkdevname cbw)/queue/write_zeroes_max_bytes") > 0)) ||
	fail "no write-zeroes would reach the device"
prove_full 16 "discard copy speed 8192" --discard 25 --zero 25 --max 256K
to_linear
fill_target
prove_none 64 "" --discard 25 --zero 25 --max 256K
