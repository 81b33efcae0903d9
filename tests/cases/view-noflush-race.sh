#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a read that a noflush suspend of a view hands back does not end before the suspend has let go of it
# klog-allow: workqueue lockup
# shellcheck disable=SC2154 # the names are those of pit.sh, view.sh and linger.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"
. "${CBW_LIB%/*}/linger.sh"

begin_read() { # CHUNK
	dd if=/dev/mapper/view of=/dev/null bs=4k count=1 skip=$(($1 * 2)) iflag=direct status=none 2> /dev/null &
}

null_devices 16
: > "$log"
prepare_lingerer dmsetup cbw_map_suspend_viewer,queue_work_on
load 16 "sync none"
resume
mk_view
say dmsetup suspend cbw
begin_read 5
first=$!
retry 30 in_flight view || fail "the read does not come"
sleep 0.5

begin_lingerer suspend --noflush --nolockfs view
retry 20 lingers_in cbw_map_suspend_viewer || fail "the view is not suspended"
begin_read 7
second=$!
sleep 2
go_on
retry 20 lingers_in queue_work_on || fail "nothing was handed back"
say dmsetup message cbw 0 cancel
sleep 1
lingers_in queue_work_on || fail "the suspend went on too early"
go_on to-the-end
retry 30 gone "$lingerer" || fail "the suspend hangs"
for reader in $first $second; do
	! gone "$reader" || fail "a read ended while the view was to be suspended"
done
say dmsetup resume view
for reader in $first $second; do
	retry 30 gone "$reader" || fail "a read hangs"
	! wait "$reader" || fail "a read of an ended job succeeded"
done
say dmsetup resume cbw
