#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an error on the short chunk at the end is seen, and is no progress
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
length=$((64 * 128 - 96))
inject target write 63

cbw_create cbw "$origin" "$target" 128 "on_cbw_error break-write paused" "$length"
expect_fail 'Input/output error' put 63
assert_pit "$origin" 63
assert_status state=paused progress=0/64 target_errors=1
dmsetup remove --retry cbw

cbw_create cbw "$origin" "$target" 128 "" "$length"
await_status state=failed reason=target-error target_errors=1 inflight=0
(($(cbw_field cbw "done") < 64)) || fail "the chunk counts as saved: $(dmsetup status cbw)"
dmsetup remove --retry cbw

mend target
cbw_create cbw "$origin" "$target" 128 "" "$length"
cbw_wait cbw completed
assert_same "$pit" "$target" $((length * 512))
