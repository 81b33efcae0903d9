#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# while bad sectors come and go on both devices, reads of the view may fail, but none finds anything but the point in time
# timeout: 480
# shellcheck disable=SC2154 # the names are those of pit.sh, spoil.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/spoil.sh"
. "${CBW_LIB%/*}/view.sh"

spoiled_devices 32
stamp_devices
start_writers --max 256K --allow-errors
load 16 "on_source_error ignore on_target_error ignore on_cbw_error break-write speed 512"
resume
mk_view
take_image
start_readers /dev/mapper/view --max 256K --allow-errors
for round in {1..12}; do
	spoil "$round"
	mend_both
done
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
for round in {1..4}; do
	spoil "$round"
	mend_both
done
stop_readers
((BASH_REMATCH[2] > 0)) || fail "no read met an error"
view_is valid
dmsetup remove view
stop_writers
cmp "$image" <(dd if="$target" bs=512 count="$length" status=none) || fail "the backup is not what the view was"
check_newest
