#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# allocations fail beneath writes, from the point in time to the removal: nothing but the pools is needed
# tier: core
# kernel: debug
# timeout: 300
. "$CBW_LIB"
. "${CBW_LIB%/*}/inject.sh"
. "${CBW_LIB%/*}/pit.sh"

need_failing_allocations
null_devices 16
interval=$((RANDOM % 6 + 2))
start_writers
load 8 "max_copy 64 speed 4096"
echo "of the allocations that may not sleep one of $interval fails"
fail_allocations $interval
resume
sleep 2
say dmsetup message cbw 0 speed 0
cbw_wait cbw completed
to_linear
fail_no_allocation
stop_writers
check_pit
check_newest
