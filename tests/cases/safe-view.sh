#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a view's read of what is in a buffer waits until it is on the target device, and fails if the job does
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

begin_read() { # CHUNK [COUNT]: sets $reader
	dd if=/dev/mapper/view of="$CBW_TMP/read" bs=64k skip="$1" count="${2:-1}" iflag=direct status=none 2> /dev/null &
	reader=$!
}

waits() { # that read
	retry 30 in_flight view || fail "the read does not come"
	sleep 0.3
	! gone $reader || fail "a read of what is in a buffer does not wait"
}

has_read() { # CHUNK [COUNT]
	ends_as ok $reader
	cmp "$CBW_TMP/read" <(dd if="$pit" bs=64k skip="$1" count="${2:-1}" status=none) || fail "that is not the point in time"
}

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "sync none engine buffered release safe cbw_timeout 0"
say dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"

hang target
with_deadline 30 put 5
begin_read 5
waits
# What is pending needs no target device.
with_deadline 30 dd if=/dev/mapper/view of="$CBW_TMP/other" bs=64k skip=6 count=1 iflag=direct status=none
cmp "$CBW_TMP/other" <(dd if="$pit" bs=64k skip=6 count=1 status=none) || fail "chunk 6 is not the point in time"
unhang target
has_read 5

# Pending, safe and saved, in one read.
hang target
with_deadline 30 put 8
with_deadline 30 put 9
begin_read 4 8
waits
unhang target
has_read 4 8

# The table is suspended and goes on while it waits.
hang target
with_deadline 30 put 20
begin_read 20
waits
say dmsetup suspend --nolockfs cbw &
suspend=$!
sleep 1
! gone $suspend || fail "a suspend does not wait for what is in a buffer"
unhang target
ends_as ok $suspend
has_read 20
say dmsetup resume cbw

# A job that has ended gives nothing.
hang target
with_deadline 30 put 30
begin_read 30
waits
dmsetup message cbw 0 cancel
ends_as error $reader
unhang target
await_status state=cancelled inflight=0
