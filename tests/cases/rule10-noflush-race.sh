#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a write that a noflush suspend hands back does not end before the suspend has let go of it, though the job is cancelled
# klog-allow: workqueue lockup
# shellcheck disable=SC2154 # the names are those of faults.sh and linger.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/linger.sh"

fault_pair 4
need_module dm_cbw
prepare_lingerer dmsetup cbw_map_requeue,queue_work_on
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 0"
hang target
begin_held_put 3
first=$!

begin_lingerer suspend --noflush --nolockfs cbw
retry 20 lingers_in cbw_map_requeue || fail "nothing is handed back"
dd if="$new" of=/dev/mapper/cbw bs=4k count=1 seek=80 oflag=direct status=none &
second=$!
sleep 2
go_on
retry 20 lingers_in queue_work_on || fail "nothing was handed back"
say dmsetup message cbw 0 cancel
unhang target
sleep 1
lingers_in queue_work_on || fail "the suspend went on too early"
go_on to-the-end
ends_as ok "$lingerer"
for pid in $first $second; do
	! gone "$pid" || fail "a write ended while the device was to be suspended"
done

say dmsetup resume cbw
ends_as ok $first
ends_as ok $second
assert_new "$origin" 3
assert_new "$origin" 5
assert_status state=cancelled held=0 inflight=0
