#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# suspended beneath writers again and again, in every way, paused and resumed, a mirror stands still and goes on right
# timeout: 300
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

mirror_devices 32
start_writers --threads 3 --max 64K
load 8 "speed 8192 max_copy 64"
resume
for ((i = 0; i < 16; i++)); do
	((i != 5)) || say dmsetup message cbw 0 copy_mode write-blocking
	pick pause resume resume
	dmsetup message cbw 0 "$picked"
	# shellcheck disable=SC2086 # options
	dmsetup suspend ${ways[RANDOM % 4]} cbw
	stands_still
	dmsetup resume cbw
	sleep 0.0$((RANDOM % 10))
done
dmsetup message cbw 0 resume
dmsetup message cbw 0 speed 0
cbw_wait cbw ready
# What was asked for is forgotten when the job is paused; a second cancel ends it at once.
say dmsetup message cbw 0 complete
say dmsetup message cbw 0 pause
say dmsetup message cbw 0 resume
say dmsetup suspend cbw
assert_status state=ready reason='[-s]*'
say dmsetup resume cbw
# shellcheck disable=SC2086 # options
end_mirror complete ${ways[RANDOM % 4]}
say dmsetup resume cbw
assert_status state=completed reason=left-behind
stop_writers
check_newest
