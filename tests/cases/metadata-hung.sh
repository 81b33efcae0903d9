#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a metadata device that hangs holds up writes, suspend, resume and removal for no longer than cbw_timeout, and is told late that its map is void
# timeout: 300
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/metadata.sh"

other=$(mk_null other 4)

shows() { # PATTERN
	# shellcheck disable=SC2053 # a pattern
	[[ $(show) == $1 ]]
}

remove() {
	say with_deadline 30 dmsetup remove cbw
}

has_generation() { # UUID
	[[ $(summary) == "$1 "* ]]
}

# What it was about to write when it was left alone does not come after what others write.
assert_taken() {
	refused='Writes of a tracking map that has ended still run on this device'
	expect_fail "$refused" dmsetup create cbw --table "$track"
	expect_fail "$refused" dmsetup create cbw --table "0 $(dev_sectors "$metadata") cbw $other $metadata 128 backup"
	expect_fail 'in use|unavailable' rmmod dm_cbw
}

free_again() {
	unhang meta
	klog_expect 'the last write of an ended tracking map'
	retry 10 module_unused dm_cbw || fail "the module is still in use"
	shows "- open *" || fail "on the device: $(show)"
	klog_anew
}

# --- break-map ---------------------------------------------------------------------------------------------------

# Writes wait for it, and go on; the map is void, and the device learns of that when it can.
begin break-map 1000
backup full
now=$(summary | cut -d' ' -f1)
hang meta
begin_put 3
first=$!
begin_put 4
ends_as ok $!
ends_as ok $first
assert_new "$origin" 3
assert_new "$origin" 4
assert_eq "$(summary)" "- 8 2 failed" "the map"
klog_expect 'the metadata device has not answered for 10[0-9][0-9] ms'
klog_expect 'the tracking map is void'
with_deadline 5 put 5
[[ $(show) == "$now open"* ]] || fail "it was told already: $(show)"
say with_deadline 30 dmsetup suspend --nolockfs cbw
say dmsetup resume cbw
expect_fail 'needs a full backup' dmsetup load cbw --table "0 $sectors cbw $origin $target 128 backup 8 sync incremental $policy"
# In memory it is a map like any other.
backup full
put 6
backup incremental
assert_same "$origin" "$target"
unhang meta
retry 20 shows "- open *" || fail "on the device: $(show)"
remove
retry 10 module_unused dm_cbw || fail "the module is still in use"

# With writes in its hands, and left alone with them.
begin break-map 1000
backup full
hang meta
begin_put 3
ends_as ok $!
remove
assert_taken
free_again

# With nothing in its hands: it is not closed later, when others may have written.
begin break-map 1000
backup full
put 7
hang meta
remove
assert_taken
dd if=/dev/urandom of=/dev/origin0 bs=64k seek=30 count=1 oflag=direct status=none
free_again
begin break-map 1000
assert_eq "$(summary)" "- 8 0 durable" "the map"

# At a point in time, behind the end of a job that it was to learn of.
backup full
put 8
job incremental paused
hang meta
say dmsetup message cbw 0 resume
cbw_wait cbw completed
put_table "$track"
job full paused
put 9
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_pit "$target" 9
unhang meta
retry 20 shows "- open *" || fail "on the device: $(show)"
remove

# When the table becomes live, of a map that could go on.
begin break-map 1000
backup full
remove
say dmsetup create cbw --notable
say dmsetup load cbw --table "$track"
hang meta
say with_deadline 30 dmsetup resume cbw
with_deadline 5 put 10
assert_eq "$(summary)" "- 8 1 failed" "the map"
unhang meta
retry 20 shows "- open *" || fail "on the device: $(show)"
remove

# What one write to the marks waits for, another one, which the origin holds up, is not the metadata device. It is not
# counted for that device when the other has ended, either, while the worker looks at what that has left: the timer,
# which looks each 4 s, does so just then.
left_of() { # SECONDS since it began
	awk "BEGIN { left = $began + $1 - $EPOCHREALTIME; print (left > 0 ? left : 0) }"
}

begin break-map 4000
backup full
now=$(summary | cut -d' ' -f1)
retry 20 shows "$now open 8 0" || fail "on the device: $(show)"
hang origin
began=$EPOCHREALTIME
begin_put 0
first=$!
retry 20 shows "$now open 8 1" || fail "on the device: $(show)"
begin_held_put 0
second=$!
sleep "$(left_of 6.9)"
slow origin 600
[[ $(left_of 7.6) != 0 ]] || echo "# this machine is too slow for the timer to look just then"
ends_as ok $first
ends_as ok $second
assert_eq "$(summary)" "$now 8 1 durable" "the map"
slow origin 0
remove

# --- break-write -------------------------------------------------------------------------------------------------

# Those fail that wait; nothing else is lost.
begin break-write 1000
backup full
now=$(summary | cut -d' ' -f1)
hang meta
expect_fail 'Input/output error' put 3
assert_eq "$(summary)" "$now 8 1 durable" "the map"
unhang meta
put 3
put 4
assert_eq "$(summary)" "$now 8 2 durable" "the map"
backup incremental
assert_same "$origin" "$target"
now=$(summary | cut -d' ' -f1)
hang meta
put_table "$track"
job incremental
unhang meta
cbw_wait cbw completed
assert_same "$origin" "$target"
put 5
now=$(summary | cut -d' ' -f1)
retry 20 shows "$now open 8 1" || fail "on the device: $(show); in memory: $(summary)"
hang meta
remove
assert_taken
free_again

# It goes on late, and until then no write does.
begin break-write 1000
backup full
put 5
now=$(summary | cut -d' ' -f1)
remove
say dmsetup create cbw --notable
say dmsetup load cbw --table "$track"
hang meta
say with_deadline 30 dmsetup resume cbw
expect_fail 'Input/output error' put 5
expect_fail 'Input/output error' put 6
unhang meta
retry 10 has_generation "$now" || fail "the map does not go on: $(summary)"
put 6
backup incremental
assert_same "$origin" "$target"
remove

# --- no limit ----------------------------------------------------------------------------------------------------

begin break-map 0
backup full
now=$(summary | cut -d' ' -f1)
hang meta
begin_held_put 3
writer=$!
sleep 3
assert_status held=1
unhang meta
ends_as ok $writer
assert_eq "$(summary)" "$now 8 1 durable" "the map"
remove
unload_cbw
