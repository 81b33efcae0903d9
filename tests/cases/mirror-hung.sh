#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a target device that hangs holds up a mirror's writes and flushes for no longer than cbw_timeout, then nobody any more; an
# origin that hangs does the mirror no harm
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

CBW_JOB=mirror

fault_pair 4 cache_size=1
other=$(mk_null other 4)
cbw_create cbw "$origin" "$target" 128 "copy_mode write-blocking cbw_timeout 1000"
await_status state=ready reason=synced

# It has no part in how long the origin takes, nor has whoever waits for a write to that.
hang origin
begin_put 6
first=$!
begin_held_put 6
second=$!
sleep 3
assert_status state=ready held=1
unhang origin
ends_as ok $first
ends_as ok $second
await_status state=ready reason=synced held=0

hang target
begin_put 3 conv=fsync
first=$!
begin_put 4
ends_as ok $!
ends_as ok $first
await_status state=failed reason=cbw-timeout
put 5 oflag=direct,dsync
for chunk in 3 4 5; do
	assert_new /dev/origin0 $chunk
done
say with_deadline 30 dmsetup suspend cbw
say dmsetup resume cbw
say with_deadline 30 dmsetup remove cbw
refused='Copies of a failed job still run'
expect_fail "$refused" cbw_create cbw "$other" "$target" 128
expect_fail 'in use|unavailable' rmmod dm_cbw
unhang target
klog_expect 'the last copy of the ended job has ended'
retry 10 module_unused dm_cbw || fail "the module is still in use"

# It hangs in the suspend that is to end the job.
cbw_create cbw "$origin" "$target" 128 "cbw_timeout 1000"
await_status state=ready
hang target
say dmsetup message cbw 0 complete
say with_deadline 60 dmsetup suspend cbw
assert_status state=failed reason=cbw-timeout
say dmsetup resume cbw
put 6
assert_new /dev/origin0 6
say with_deadline 30 dmsetup remove cbw
unhang target
retry 10 module_unused dm_cbw || fail "the module is still in use"

# What such a device has not been given by then it never is: the end of the job would wait for that.
one=$(mk_null one 4 irqmode=2 completion_nsec=5000000000 hw_queue_depth=1)
echo none > /sys/block/one/queue/scheduler
cbw_create cbw "$origin" "$one" 128 "sync none copy_mode write-blocking cbw_timeout 1000"
await_status state=ready reason=synced
before=$(dev_writes "$one")
writers=()
for chunk in 10 20 30 40 50; do
	begin_put $chunk
	writers+=($!)
done
for writer in "${writers[@]}"; do
	ends_as ok "$writer"
done
await_status state=failed reason=cbw-timeout
say with_deadline 30 dmsetup remove cbw
retry 60 module_unused dm_cbw || fail "the module is still in use"
# One that it had taken, and one that waited for its turn there.
writes=$(($(dev_writes "$one") - before))
((writes == 2)) || fail "$writes of 5 writes have reached it"
unload_cbw
