#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# after a suspend that was given up the sweep and the held writes go on where they were
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "paused cbw_timeout 0"
hang target
begin_held_put 3
writer=$!

for flags in "" --nolockfs; do
	suspend_in_vain cbw ${flags:+"$flags"}
	assert_status state=paused held=1 inflight=1
done

unhang target
ends_as ok $writer
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_new "$origin" 3
assert_same "$pit" "$target"
