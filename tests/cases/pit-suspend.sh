#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# suspended under the writers again and again, in every way, it stands still and goes on right
# tier: core
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 64
# What they leave alone keeps the sweep busy.
start_writers --threads 3 --max 4K --within 24M
load 8 "max_copy 64 speed 512"
resume
for ((i = 0; i < 16; i++)); do
	# shellcheck disable=SC2086 # options
	dmsetup suspend ${ways[RANDOM % 4]} cbw
	stands_still
	dmsetup resume cbw
	sleep 0.0$((RANDOM % 10))
done
assert_eq "$(cbw_field cbw state)" running "state after all those"
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
stop_writers
check_pit
check_newest
