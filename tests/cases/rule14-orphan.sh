#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# copies that hang outlive their table, and until they end no job gets their target device, nor the module away
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

make_orphan() {
	cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 500"
	hang target
	put 3
	assert_status state=failed inflight=1
	with_deadline 30 dmsetup remove cbw
	[[ ! -e /dev/mapper/cbw ]] || fail "the device is still there"
}

fault_pair 4
other=$(mk_null other 4)
make_orphan
refused='Copies of a failed job still run'
expect_fail "$refused" cbw_create cbw "$origin" "$target" 128
expect_fail "$refused" cbw_create cbw "$target" "$other" 128
expect_fail 'in use|unavailable' rmmod dm_cbw
expect_fail 'busy' dmsetup remove target

# It reads the origin, which does no harm.
cbw_create cbw "$origin" "$other" 128
put 3
put 5
cbw_wait cbw completed
dmsetup remove --retry cbw

unhang target
klog_expect 'the last copy of the ended job has ended'
retry 10 module_unused dm_cbw || fail "the module is still in use"
cbw_create cbw "$origin" "$target" 128
cbw_wait cbw completed
assert_same /dev/origin0 "$target"
dmsetup remove --retry cbw
unload_cbw
