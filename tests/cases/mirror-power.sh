#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# needs: cbw-replay
# when the power fails, what was written to both devices before a flush that has completed is on both
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

# Each device has a log of its own: a flush of the one must not be taken for one of the other.
mk_logged() { # NAME
	local disk log
	disk=$(mk_null "$1-disk" 8)
	log=$(mk_null "$1-log" 256)
	dd if=/dev/urandom of="$disk" bs=1M count=8 oflag=direct status=none
	cp "$disk" "$CBW_TMP/$1.image"
	say dmsetup create "$1" --table "0 $(dev_sectors "$disk") log-writes $disk $log"
}

write_some() { # NUMBER: writes that a flush follows, and then a mark in both logs
	local i
	for ((i = RANDOM % 4; i >= 0; i--)); do
		dd if=/dev/urandom of=/dev/mapper/cbw bs=4k seek=$((RANDOM % 2000)) count=$((1 + RANDOM % 40)) oflag=direct status=none
	done
	dd if=/dev/urandom of=/dev/mapper/cbw bs=4k seek=$((RANDOM % 2000)) count=1 oflag=direct conv=fsync status=none
	dmsetup message origin 0 mark "$1"
	dmsetup message target 0 mark "$1"
}

# What the device would hold if the power had failed then.
fail_power() { # NAME NUMBER
	local to
	to=$(awk -v mark="$2" '$2 == "mark" && $3 == mark { print $1 }' "$CBW_TMP/$1.entries")
	cbw-replay apply "/dev/$1-log" "$CBW_TMP/$1.image" "${replayed[$1]:-0}" "$to"
	replayed[$1]=$to
}

need_module dm_log_writes
mk_logged origin
mk_logged target
origin=/dev/mapper/origin target=/dev/mapper/target
length=$(dev_sectors "$origin")
mk_linear cbw "$origin" > /dev/null
mirror 128 "copy_mode write-blocking"
await_status reason=synced
for ((i = 1; i <= 40; i++)); do
	write_some $i
done
assert_status state=ready reason=synced
dmsetup remove --retry cbw
for device in origin target; do
	[[ $(dmsetup status $device) != *logging_disabled* ]] || fail "the log of $device is not whole"
	dmsetup remove --retry $device
	blockdev --flushbufs "/dev/$device-log"
	cbw-replay list "/dev/$device-log" > "$CBW_TMP/$device.entries"
done

declare -A replayed
for ((i = 1 + RANDOM % 3; i <= 40; i += 1 + RANDOM % 5)); do
	fail_power origin $i
	fail_power target $i
	cmp "$CBW_TMP/origin.image" "$CBW_TMP/target.image" || fail "the devices differ after flush $i"
done
