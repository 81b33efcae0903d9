#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# bad sectors come and go on both devices under load, and tables of errors: what is completed is right all the same
# timeout: 400
# shellcheck disable=SC2154 # the names are those of pit.sh and spoil.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/spoil.sh"

# Whatever comes first to the first chunks, it meets an error; later errors may come where nothing is to be copied any more.
meet_error() {
	echo "+0-200" > "$nulls/target0/badblocks"
	resume
	await_status target_errors='[1-9]*'
}

steer() { # a job that an error stopped goes on
	[[ $(cbw_field cbw state) != paused ]] || dmsetup message cbw 0 resume
}

survives() { # POLICY
	local round
	start_writers --max 256K --allow-errors
	load 16 "on_source_error $1 on_target_error $1 on_cbw_error break-write speed 3000"
	meet_error
	for round in {1..12}; do
		spoil "$round"
		mend_both
		steer
		[[ $(cbw_field cbw state) =~ ^(running|paused|completed)$ ]] || fail "$(dmsetup status cbw)"
	done
	dmsetup message cbw 0 speed 0
	steer
	cbw_wait cbw completed
	stop_writers
	check_pit
	check_newest
	to_linear
	rm "$log"
	fill_target
}

spoiled_devices 32
stamp_devices
for policy in ignore stop; do
	survives $policy
	cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED"
done
