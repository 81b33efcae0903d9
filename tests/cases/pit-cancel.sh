#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# a job that is cancelled under load costs the writers nothing, and the next one is right
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 48
for sync in full none; do
	# Neither they nor the sweep come to the end of the device.
	start_writers --within 32M
	load 16 "speed 1 sync $sync"
	resume
	sleep 0.$((RANDOM % 10))
	say dmsetup message cbw 0 cancel
	assert_eq "$(cbw_field cbw state) $(cbw_field cbw reason)" "cancelled user" "state and reason"
	await_status held=0
	sleep 1
	load 128 "speed 16384"
	resume
	cbw_wait cbw completed
	stop_writers
	check_pit
	check_newest
done
