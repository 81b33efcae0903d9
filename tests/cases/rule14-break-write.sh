#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with break-write a timeout fails the write but not the copy, which nobody repeats and which counts when it ends
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "paused on_cbw_error break-write cbw_timeout 500"
hang target
expect_fail 'Input/output error' put 3
assert_status state=paused held=0 inflight=1 cbw=0 target_errors=0
expect_fail 'Input/output error' put 3
assert_status state=paused held=0 inflight=1 cbw=0
assert_pit "$origin" 3

unhang target
await_status state=paused inflight=0 cbw=1 progress=1/64
put 3
assert_new "$origin" 3
assert_pit "$target" 3
assert_status cbw=1 progress=1/64
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_same "$pit" "$target"
