#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an error of the sweep fails the job, and the writes that are held on that copy go on
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

sweep_fails() { # POLICY DEVICE KIND REASON
	hang "$2"
	cbw_create cbw "$origin" "$target" 128 "on_cbw_error $1 cbw_timeout 0 workers 1 max_copy 128"
	await_status inflight=1 sweep=0
	begin_held_put 0
	inject "$2" "$3"
	ends_as ok $!
	await_status state=failed reason="$4" progress=0/64 cbw=0 sweep=0 inflight=0 held=0
	mend "$2"
	assert_new "$origin" 0
	dmsetup remove --retry cbw
	dd if="$pit" of="$origin" bs=64k count=1 oflag=direct status=none
}

fault_pair 4
for policy in break-snapshot break-write; do
	sweep_fails "$policy" target write target-error
	assert_eq "$(klog | grep -c 'backup failed (target-error)')" 1 "failures in the log"
	sweep_fails "$policy" origin read source-error
	klog_anew
done
