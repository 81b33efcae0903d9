#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a view keeps its job's devices and module until it is removed, and leaves copies that hang to themselves
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

refused='Copies of a failed job still run'
no_job() {
	expect_fail "$refused" cbw_create cbw "$origin" "$target" 128
	expect_fail 'in use|unavailable' rmmod dm_cbw
	expect_fail 'busy' dmsetup remove target
}

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 500"
say dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"
hang target
put 3
assert_status state=failed inflight=1
with_deadline 30 dmsetup remove cbw
no_job
expect_fail 'Input/output error' dd if=/dev/mapper/view of=/dev/null count=8 iflag=direct
with_deadline 30 dmsetup remove view
no_job

unhang target
klog_expect 'the last copy of the ended job has ended'
retry 10 module_unused dm_cbw || fail "the module is still in use"

# The other way round: the copies end first.
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 500"
say dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"
hang target
put 3
with_deadline 30 dmsetup remove cbw
unhang target
# Nobody writes to the target device any more, so another job may have it; the old view tells nothing.
retry 30 cbw_create cbw "$origin" "$target" 128 "speed 1"
expect_fail 'Input/output error' dd if=/dev/mapper/view of=/dev/null count=8 iflag=direct
dmsetup remove view
say dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"
dd if=/dev/mapper/view of=/dev/null count=8 iflag=direct status=none
dmsetup remove view
dmsetup remove cbw
unload_cbw
