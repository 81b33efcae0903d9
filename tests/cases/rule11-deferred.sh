#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a deferred removal leaves the job alone until the device is closed
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "sync none"
exec 7<> /dev/mapper/cbw
expect_fail 'busy' dmsetup remove cbw
dmsetup remove --deferred cbw
# By now the name is gone, but not the device.
dd if="$new" bs=64k count=1 seek=3 oflag=direct status=none >&7
assert_pit "$target" 3
assert_status state=running cbw=1
exec 7>&-
retry 10 eval '! dmsetup info cbw > /dev/null 2>&1' || fail "the device is still there"
klog_expect 'backup cancelled \(removed\)'
