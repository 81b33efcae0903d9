#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the view is the origin at one instant: under writers, a sweep, suspends and messages, and after the job has completed
# tier: core
# timeout: 240
# shellcheck disable=SC2154 # the names are those of guest.sh, pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

disturb() {
	local i
	for i in {1..6}; do
		pick --noflush --nolockfs
		dmsetup suspend "$picked" cbw
		sleep 0.$((RANDOM % 5))
		dmsetup resume cbw
		dmsetup message cbw 0 "$( ((i % 2)) && echo pause || echo resume)"
		sleep 0.$((RANDOM % 5))
	done
}

look() { # CHUNK 'FEATURE ARGUMENTS' [WRITER-OPTION]...
	start_writers "${@:3}"
	load "$1" "$2"
	resume
	mk_view
	take_image
	start_readers
	disturb
	stop_writers
}

late_devices 32
look 8 "speed 32" --max 256K --within 24M
view_is valid
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
sleep 1
stop_readers
cmp "$image" <(dd if="$target" bs=512 count="$length" status=none) || fail "the backup is not what the view was"
dmsetup remove view
check_newest
to_linear

fill_target
look 128 "sync none" --hot
stop_readers
dmsetup remove view
check_newest
