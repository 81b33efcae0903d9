#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# when the target device cannot flush its cache, the job fails though every chunk was copied, whatever the policy
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# All saved by the sweep, and all by copy-before-write. What was lost, another flush would not tell.
fault_pair 4 cache_size=1
inject target flush
for policy in report ignore stop enospc; do
	cbw_create cbw "$origin" "$target" 128 "on_target_error $policy"
	await_status state=failed reason=target-error progress=64/64 target_errors=1 inflight=0
	dmsetup remove --retry cbw
done

cbw_create cbw "$origin" "$target" 128 paused
dd if="$pit" of=/dev/mapper/cbw bs=1M oflag=direct status=none
assert_status state=paused progress=64/64 cbw=64 target_errors=0
dmsetup message cbw 0 resume
await_status state=failed reason=target-error target_errors=1

mend target
expect_fail 'the job has ended' dmsetup message cbw 0 resume
assert_status state=failed
