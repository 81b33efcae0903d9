#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# each reload under the writers is a new point in time, and the last one is right for its own
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 48
start_writers --max 256K
for ((i = 0; i < 12; i++)); do
	features=(speed $((1 + RANDOM)))
	((RANDOM % 3)) || features=(sync none)
	((RANDOM % 4)) || to_linear
	load $((8 << RANDOM % 9)) "${features[*]}"
	resume
	sleep 0.$((RANDOM % 10))
done
load 64 "speed 16384"
resume
cbw_wait cbw completed
stop_writers
check_pit
check_newest
retry 5 klog_has 'cancelled \(table-replaced\)' || fail "no job was replaced"
