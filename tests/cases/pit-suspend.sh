#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# suspended under the writers again and again, in every way, it stands still and goes on right
# tier: core
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

target_writes() {
	awk '{ print $5, $7 }' /sys/block/target/stat
}

stands_still() {
	local before
	before=$(target_writes)
	sleep 0.1
	assert_eq "$(target_writes)" "$before" "writes to the target device while suspended (requests, sectors)"
	assert_eq "$(cbw_field cbw inflight)" 0 "copies in flight while suspended"
	assert_eq "$(cbw_field cbw held)" 0 "held writes while suspended"
}

ways=("" --noflush --nolockfs "--noflush --nolockfs")

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
