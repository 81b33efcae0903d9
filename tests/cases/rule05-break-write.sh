#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with break-write the write fails and the chunk stays pending, so that a later write saves it
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "on_cbw_error break-write paused"

inject target write
expect_fail 'Input/output error' put 3
assert_pit "$origin" 3
assert_status state=paused reason=user progress=0/64 cbw=0 target_errors=1
expect_fail 'Input/output error' put 3
assert_pit "$origin" 3
assert_status progress=0/64 target_errors=2

mend target
inject origin read 5
expect_fail 'Input/output error' put 5
assert_status state=paused progress=0/64 source_errors=1 target_errors=2

mend origin
put 3
put 5
assert_new "$origin" 3
assert_pit "$target" 3 5
assert_status state=paused progress=2/64 cbw=2
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_same "$pit" "$target"
