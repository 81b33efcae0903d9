#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# under break-write a target device that fails now and then fails writes, never the point in time
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

become() { # TABLE
	say dmsetup load target --table "$1"
	say dmsetup resume target
}

null_devices 48
size=$(dev_sectors "$target")
good="0 $size linear $target 0"
mk_linear target "$target" > /dev/null
disk=$target target=/dev/mapper/target
start_writers --max 256K --allow-errors
load 16 "sync none on_cbw_error break-write"
become "0 $size error"
resume
# Later there may be nothing left to be copied.
await_status target_errors='[1-9]*'
for ((i = 0; i < 4; i++)); do
	for table in "$good" "0 $size error" "0 $size flakey $disk 0 0 1 1 error_writes" "$good"; do
		[[ $table != *flakey* ]] || modprobe -q dm-flakey || { lacks dm-flakey && continue; }
		become "$table"
		sleep 0.2
	done
done
assert_eq "$(cbw_field cbw state)" running state
stop_writers
check_pit --pending-from "$origin"
check_newest
