#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with break-write all writes that are held on one copy fail with it, and none tries another first
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
# Without a timeout nothing but the copy's error can end them.
cbw_create cbw "$origin" "$target" 128 "sync none on_cbw_error break-write cbw_timeout 0"
hang target
writers=()
for i in {1..12}; do
	begin_held_put 3 "$i"
	writers+=($!)
done
assert_status inflight=1

# Hangs no longer, but fails.
inject target write
for pid in "${writers[@]}"; do
	ends_as error "$pid"
done
assert_status state=running held=0 inflight=0 target_errors=1 cbw=0
assert_pit "$origin" 3

mend target
put 3
assert_pit "$target" 3
assert_status cbw=1
