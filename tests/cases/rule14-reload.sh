#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a table that is loaded while copies hang is refused, or goes live as failed, and takes no harm from them
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
# Loaded while the job still runs, resumed when it does not.
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 15000"
hang target
begin_held_put 3
writer=$!
dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128)"
with_deadline 60 dmsetup resume cbw
ends_as ok $writer
assert_status state=failed reason=orphans progress=0/64
put 3
put 4

# Loaded again: now it is known before.
expect_fail 'Copies of a failed job still run' dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128)"
assert_status state=failed reason=orphans held=0

unhang target
klog_expect 'the last copy of the ended job has ended'
assert_status state=failed reason=orphans progress=0/64
retry 10 dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128)"
dmsetup resume cbw
cbw_wait cbw completed
assert_same /dev/origin0 "$target"
