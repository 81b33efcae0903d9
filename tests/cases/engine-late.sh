#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# copies that still waited for room in the buffer when their job ended are not made: the target device may be used otherwise
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

ends() { # COMMAND...: the job does by that, while two copies wait for the target device, and three for those
	local before chunk
	cbw_create cbw "$origin" "$target" 128 "sync none buf_size 128 cbw_timeout 10000"
	before=$(dev_writes /dev/target0)
	hang target
	for chunk in 3 9 15 21 27; do
		put $chunk &
	done
	await_status inflight=5
	"$@"
	unhang target
	await_status inflight=0
	wait
	assert_eq $(($(dev_writes /dev/target0) - before)) 2 "the writes to the target device"
	assert_status target_errors=0 source_errors=0
	dmsetup remove --retry cbw
}

fault_pair 4
ends dmsetup message cbw 0 cancel
ends await_status state=failed
