#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writes on chunk edges, over a pair of chunks, and small then big over saved and unsaved ones
# tier: core
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

# Small writes save chunks here and there, big ones then need more copies at once than there may be.
late_devices 32
options=(--mode boundary --chunk 8s --hot --threads 8 --discard 0)
start_writers "${options[@]}" --max 4K
load 8 "speed 1"
resume
sleep 2
stop_writers
start_writers "${options[@]}" --max 2M
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
stop_writers
check_pit
check_newest
