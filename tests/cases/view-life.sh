#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a view ends with its job's table, holds nobody up, and never shows what is not the point in time
# shellcheck disable=SC2154 # the names are those of pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

begin() { # 'FEATURE ARGUMENTS'
	load 16 "$1"
	resume
	mk_view
	image=$CBW_TMP/image
	view_is valid
}

# Readers see errors from some moment on, and nothing that is new before that.
ends_by() { # COMMAND...
	dd if=/dev/mapper/view of="$image" bs=512K iflag=direct status=none
	start_readers /dev/mapper/view --may-end
	sleep 0.5
	"$@"
	# Whatever is written now is later.
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=64 oflag=direct status=none
	sleep 0.5
	stop_readers
	view_is invalid
	no_read count=1
	no_read count=1 skip=100
}

late_devices 16
: > "$log"

expect_fail 'no backup job that could be viewed' dmsetup create view --readonly --table "0 $length cbw-snapshot $origin"
begin ""
expect_fail 'needs dmsetup --readonly' dmsetup create other --table "0 $length cbw-snapshot $origin"
expect_fail 'longer' dmsetup create other --readonly --table "0 $((length + 1)) cbw-snapshot $origin"
expect_fail 'Arguments' dmsetup create other --readonly --table "0 $length cbw-snapshot $origin 1 speed"
expect_fail 'Arguments' dmsetup create other --readonly --table "0 $length cbw-snapshot $origin 2 release"
expect_fail 'sync none' dmsetup create other --table "0 $length cbw-snapshot $origin 1 release"
expect_fail 'no backup job that could be viewed' dmsetup create other --readonly --table "0 8 cbw-snapshot $target"
expect_fail 'Cannot open' dmsetup create other --readonly --table "0 8 cbw-snapshot /dev/none"
assert_eq "$(dmsetup table view)" "0 $length cbw-snapshot $(stat -L -c %Hr:%Lr "$origin")" "the table of the view"
expect_fail 'read-only|Operation not permitted|Read-only' dd if=/dev/zero of=/dev/mapper/view count=1 oflag=direct
mk_view other
dmsetup remove other
cbw_wait cbw completed
ends_by to_linear
dmsetup remove view

# Each end of a job that is not complete.
begin "speed 1"
ends_by dmsetup message cbw 0 cancel
dmsetup remove view
begin "speed 1"
ends_by to_linear
dmsetup remove view
begin "speed 1"
load 32 "speed 1"
ends_by dmsetup resume cbw
dmsetup remove view
to_linear

# The next job has the same target device; what was completed is void at once.
begin ""
cbw_wait cbw completed
load 32 "paused"
ends_by dmsetup resume cbw
dmsetup remove view
to_linear

# The view is busy, and nobody cares.
begin "speed 1"
exec 9< /dev/mapper/view
to_linear
dmsetup remove cbw
no_read count=1
view_is invalid
exec 9<&-
dmsetup remove view
