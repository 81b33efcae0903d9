#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a full backup and incremental ones upon it, beneath writers: after each that completes the target device is the point in time
# timeout: 300
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 48

track() {
	say dmsetup load cbw --table "0 $length cbw $origin - 64 track"
	say dmsetup resume cbw
}

# Sets $mode and $size: of bitmap_mode, where one that fails counts, and of the chunks.
choose() {
	local modes=(on-success on-success always) sizes=(8 32 64 128 512)
	mode=${modes[RANDOM % 3]} size=${sizes[RANDOM % 5]}
}

start_writers --within 12M
track
load 128 "speed 65536"
resume
cbw_wait cbw completed
stop_writers
check_pit
for ((turn = 1; turn <= 8; turn++)); do
	# There is always something before it and after it.
	start_writers --within $((1 + RANDOM % 8))M
	if ((RANDOM % 2)); then
		track
	fi
	choose
	if ((RANDOM % 2)); then
		load "$size" "sync incremental bitmap_mode $mode speed $((1 + RANDOM % 4096))"
		say dmsetup resume cbw
		sleep 0.$((RANDOM % 10))
		if ((RANDOM % 2)); then
			say dmsetup message cbw 0 cancel || [[ $(cbw_field cbw state) == completed ]]
			await_status held=0
		fi
	fi
	load "$size" "sync incremental speed $((4096 + RANDOM % 32768))"
	resume
	cbw_wait cbw completed
	sleep 0.5
	stop_writers
	check_pit
	(($(cbw_field cbw total) * chunk < length / 2)) || fail "as much as a full one: $(dmsetup status cbw)"
done
check_newest
