#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a bio whose first chunk changes while it is decided where to cut it is cut behind that chunk
# klog-allow: workqueue lockup
# shellcheck disable=SC2154 # the names are those of faults.sh and linger.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/linger.sh"

# Both end in the chunk behind the one that they begin in.
at=$((41 * 65536 - 512)) length=1024

ends_well() { # FUNCTION: where it was all the time
	lingers_in "$1" || fail "it has not waited"
	go_on to-the-end
	ends_as ok "$lingerer"
	say rmmod linger
}

# With a queue for each processor they need not the one that is busy.
origin=$(mk_null origin 4 discard=1 submit_queues=2)
target=$(mk_linear target "$(mk_null disk 4 discard=1 submit_queues=2)")
dd if=/dev/urandom of="$pit" bs=1M count=4 status=none
dd if="$pit" of="$origin" bs=1M oflag=direct status=none
need_module dm_cbw

# Pending, and saved then.
prepare_lingerer blkdiscard cbw_map_pending
say dmsetup create cbw --table "0 8192 cbw $origin $target 128 mirror 2 speed 16"
say taskset --cpu-list --pid 1 "$(pgrep --full cbw_sweep)"
begin_lingerer --offset "$at" --length "$length" /dev/mapper/cbw
retry 20 lingers_in cbw_map_pending || fail "the discard does not come"
(($(cbw_field cbw "done") <= 40)) || fail "it is copied already"
say dmsetup message cbw 0 speed 0
cbw_wait cbw ready
ends_well cbw_map_pending
cbw_wait cbw ready
say dmsetup suspend cbw
assert_same "$origin" "$target"
say dmsetup remove cbw

# In a buffer, and on the target device then.
dd if="$pit" of="$origin" bs=1M oflag=direct status=none
prepare_lingerer dd cbw_map_find_safe
cbw_create cbw "$origin" "$target" 128 "sync none engine buffered release safe cbw_timeout 0"
say dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"
hang target
with_deadline 30 dd if=/dev/zero of=/dev/mapper/cbw bs=64k seek=40 count=2 oflag=direct status=none
begin_lingerer if=/dev/mapper/view of="$CBW_TMP/read" bs="$length" skip="$at" count=1 iflag=direct,skip_bytes status=none
retry 20 lingers_in cbw_map_find_safe || fail "the read does not come"
unhang target
await_status inflight=0
ends_well cbw_map_find_safe
cmp "$CBW_TMP/read" <(tail -c +$((at + 1)) "$pit" | head -c "$length") || fail "that is not the point in time"
