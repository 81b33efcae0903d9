#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the connection to a network block device is cut, or stands still: the policies say what becomes of the job, and production goes on
# timeout: 300
# needs: nbd-client nbdkit ip ss
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh and network.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/network.sh"

need_network
need_module nbd
export=$CBW_TMP/export
image=$CBW_TMP/image
truncate -s 16M "$export"
origin=$(mk_null origin 16)
length=$(($(dev_sectors "$origin") - 5))
mk_linear cbw "$origin" 0 "$length" > /dev/null

# What nbd-client has connected it cannot connect again: another device takes its place.
connect() { # nbd0 or nbd1
	serve
	nbd-client 127.0.0.1 "/dev/$1" > "$CBW_TMP/client" 2>&1 || fail "not connected: $(< "$CBW_TMP/client")"
}

connect_again() {
	connect nbd1
	dmsetup load far --table "0 $((16 << 11)) linear /dev/nbd1 0"
	dmsetup suspend --noflush far
	say dmsetup resume far
	nbd-client -d /dev/nbd0 > /dev/null
}

new_far() {
	to_linear
	# Copies of a job that has failed may not have ended yet.
	dmsetup remove --retry far
	nbd-client -d /dev/nbd0 > /dev/null
	nbd-client -d /dev/nbd1 > /dev/null || true
	connect nbd0
	mk_linear far /dev/nbd0 > /dev/null
}

begin() { # 'FEATURE ARGUMENTS': a backup of what is new
	dd if=/dev/urandom of=/dev/mapper/cbw bs=512 count="$length" iflag=fullblock oflag=direct status=none
	dd if=/dev/mapper/cbw of="$image" bs=512K iflag=direct status=none
	load 128 "speed 2048 $1"
	say dmsetup resume cbw
	retry 30 eval '(($(cbw_field cbw sweep) > 4))' || fail "it does not begin: $(dmsetup status cbw)"
}

write_last() { # nothing is known of its chunk yet
	with_deadline 30 dd if=/dev/urandom of=/dev/mapper/cbw bs=4K seek=$((length / 8 - 1)) count=1 oflag=direct status=none
}

is_right() {
	cmp --bytes=$((length * 512)) "$image" "$export" || fail "the backup is wrong"
}

connect nbd0
target=$(mk_linear far /dev/nbd0)

# Stopped with the reason shown; what is saved already can be written to. Then it goes on.
begin "on_target_error stop"
cut_off
await_status state=paused reason=target-error
with_deadline 30 dd if=/dev/urandom of=/dev/mapper/cbw bs=4K count=1 oflag=direct status=none
dmsetup message cbw 0 resume
await_status state=paused reason=target-error
connect_again
dmsetup message cbw 0 resume
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
is_right
cut_off

# Or the job fails.
new_far
begin "on_target_error report"
cut_off
cbw_wait cbw failed
assert_status reason=target-error
write_last

# A write that needs a copy fails the job, and goes on.
new_far
begin "on_target_error stop"
cut_off
await_status state=paused reason=target-error
write_last
cbw_wait cbw failed
assert_status reason=cbw-error

# A server that stands still answers nothing, and fails nothing: the writer waits for no longer than cbw_timeout.
new_far
begin "cbw_timeout 1000"
kill -STOP "$server"
write_last
cbw_wait cbw failed
assert_status reason=cbw-timeout
to_linear
write_last
expect_fail 'Copies of a failed job still run' dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "" "$length")"
kill -CONT "$server"

# When the last copies have ended, it can be used again.
retry 60 dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "" "$length")" || fail "it is still in use"
dd if=/dev/mapper/cbw of="$image" bs=512K iflag=direct status=none
say dmsetup resume cbw
cbw_wait cbw completed
is_right
to_linear
dmsetup remove far
nbd-client -d /dev/nbd0 > /dev/null
cut_off
