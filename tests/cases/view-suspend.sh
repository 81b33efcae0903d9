#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the job's device and its view are suspended and resumed in any order: no read is lost or wrong, and nobody hangs
# timeout: 240
# shellcheck disable=SC2154 # the names are those of pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

# Each time other chunks, which are pending still: 256 KiB.
at=20

# A write of the same place comes as well, and may go on when the job's device may.
read_pending() { # sets $reader and $writer
	at=$((at + 4))
	dd if=/dev/mapper/view of="$CBW_TMP/read" bs=256K count=1 skip=$((at / 4)) iflag=direct status=none 2> "$CBW_TMP/error" &
	reader=$!
	retry 30 in_flight view || fail "the read does not come"
	dd if=/dev/urandom of=/dev/mapper/cbw bs=256K count=1 seek=$((at / 4)) oflag=direct status=none &
	writer=$!
	waits
}

waits() {
	sleep 0.5
	! gone "$reader" || fail "a read of the origin did not wait for the resume: $(cat "$CBW_TMP/error")"
}

# Sets $status.
read_ends() {
	retry 30 gone "$reader" || fail "a read hangs"
	status=0
	wait "$reader" || status=$?
}

write_ends() {
	retry 30 gone "$writer" || fail "a write hangs"
	wait "$writer"
}

ends_right() {
	read_ends
	[[ $status == 0 ]] || fail "a read has failed: $(cat "$CBW_TMP/error")"
	cmp "$CBW_TMP/read" <(dd if="$image" bs=256K count=1 skip=$((at / 4)) status=none) || fail "a read was wrong"
	write_ends
}

ends_in_error() {
	read_ends
	[[ $status != 0 ]] || fail "a read did not fail"
}

suspend() { # NAME [OPTION]
	with_deadline 30 say dmsetup suspend "$@"
}

late_devices 16
: > "$log"
load 16 "sync none"
resume
mk_view
image=$CBW_TMP/image
dd if=/dev/mapper/view of="$image" bs=512K iflag=direct status=none
# What is saved can be read at any time.
dd if=/dev/urandom of=/dev/mapper/cbw bs=8K count=4 oflag=direct status=none

suspend cbw
dd if=/dev/mapper/view of="$CBW_TMP/saved" bs=8K count=4 iflag=direct status=none
cmp "$CBW_TMP/saved" <(dd if="$image" bs=8K count=4 status=none)
read_pending
say dmsetup resume cbw
ends_right

suspend cbw
read_pending
suspend view --noflush
waits
say dmsetup resume cbw
waits
say dmsetup resume view
ends_right

suspend cbw
read_pending
suspend view --noflush
say dmsetup resume view
waits
say dmsetup resume cbw
ends_right

suspend cbw
read_pending
suspend view
ends_in_error
say dmsetup resume view
say dmsetup resume cbw
write_ends

suspend view
suspend cbw
say dmsetup resume view
read_pending
say dmsetup resume cbw
ends_right

# The view is removed, by force: nothing waits.
suspend cbw
read_pending
with_deadline 30 say dmsetup wipe_table view
ends_in_error
dmsetup remove --retry view
say dmsetup resume cbw
write_ends

# The job ends while a read is held.
mk_view
suspend cbw
read_pending
dmsetup message cbw 0 cancel
ends_in_error
view_is invalid
say dmsetup resume cbw
write_ends
dmsetup remove view
to_linear

# Now writes may pass that the job does not see: the read that waited must not come after them.
load 16 "sync none"
resume
mk_view
suspend cbw
read_pending
to_linear
ends_in_error
write_ends
view_is invalid
