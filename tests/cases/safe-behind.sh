#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with release safe a write waits until what it overwrites is in a buffer, not for the target device; when the buffer is full, it waits
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

create() { # FEATURES
	cbw_create cbw "$origin" "$target" 128 "engine buffered release safe cbw_timeout 0 $1"
}

completes() { # back to the point in time, then
	cbw_wait cbw completed
	dmsetup remove --retry cbw
	assert_same "$pit" "$target"
	dd if="$pit" of="$origin" bs=1M oflag=direct status=none
	dd if=/dev/zero of="$target" bs=1M count=4 oflag=direct status=none
}

fault_pair 4

# Sixteen units of 64 KiB, one for each copy.
create "paused buf_size 1024"
hang target
for chunk in {0..15}; do
	with_deadline 30 put "$chunk"
	assert_new "$origin" "$chunk"
done
assert_status state=paused held=0 inflight=16 cbw=0 progress=0/64
begin_held_put 16
first=$!
begin_held_put 17 2
second=$!
with_deadline 30 put 3 oflag=direct,dsync
assert_status held=2 inflight=16
assert_pit "$origin" 16 17
unhang target
ends_as ok $first
ends_as ok $second
await_status held=0 inflight=0 cbw=18 progress=18/64
assert_pit "$target" {0..17}
dmsetup message cbw 0 resume
completes

# What the sweep copies is safe as soon as somebody needs it.
hang target
create "workers 1 max_copy 128"
await_status inflight=1
with_deadline 30 put 0
assert_new "$origin" 0
assert_status cbw=0 progress=0/64 held=0
begin_put 1
ends_as ok $!
unhang target
completes

# It claims no more than the buffer holds for it: a write waits for none that waits itself.
hang target
create "buf_size 1024 max_copy 128"
await_status inflight=8
with_deadline 30 put 12
assert_new "$origin" 12
assert_status cbw=0 held=0 inflight=9
unhang target
completes

# As without buffers in all else: what is held waits for no longer than the timeout, and the job ends.
cbw_create cbw "$origin" "$target" 128 "engine buffered release safe cbw_timeout 500 paused buf_size 128"
hang target
with_deadline 30 put 0
with_deadline 30 put 1
put 2
assert_status state=failed reason=cbw-timeout held=0 progress=0/64
unhang target
await_status inflight=0
