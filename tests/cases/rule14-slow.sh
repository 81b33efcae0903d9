#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a target device that takes seconds is waited for as long as cbw_timeout says, be that 45 seconds or for ever
# timeout: 300
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

create() { # TIMEOUT [FEATURES]
	cbw_create cbw "$origin" "$target" 128 "paused cbw_timeout $1 ${2:-}"
}

# Back to the point in time, which a sweep at full pace then saves.
completes() {
	slow target 0
	dmsetup message cbw 0 resume
	cbw_wait cbw completed
	dmsetup remove --retry cbw
	assert_same "$pit" "$target"
	dd if="$pit" of="$origin" bs=1M oflag=direct status=none
}

waits() { # TIMEOUT: it is enough
	create "$1"
	slow target 30000
	begin_held_put 3
	first=$!
	begin_held_put 3 2
	second=$!
	sleep 2
	assert_status held=2
	slow target 0
	ends_as ok $first
	ends_as ok $second
	assert_status state=paused cbw=1 progress=1/64 target_errors=0
	assert_new "$origin" 3
	completes
}

fault_pair 4
waits 0
waits 60000

# Half of 45 s in nanoseconds gets lost in 32 bits; 2 s are left.
create 45000 "on_cbw_error break-write"
hang target
begin_held_put 3
sleep 5
assert_status held=1
unhang target
ends_as ok $!
completes

# Too slow for the write, but not for the backup. What dm-delay holds goes on with a new table.
create 500 "on_cbw_error break-write"
slow target 30000
expect_fail 'Input/output error' put 3
assert_pit "$origin" 3
expect_fail 'Input/output error' put 3
slow target 0
await_status state=paused inflight=0 cbw=1 progress=1/64
put 3
completes

create 500
slow target 3000
put 3
assert_status state=failed reason=cbw-timeout held=0 progress=0/64
await_status inflight=0
assert_status state=failed reason=cbw-timeout progress=0/64 cbw=0
assert_new "$origin" 3
