#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a secure erase is a write: what it erases is saved before, whatever the policy for discards
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

load_test_module erasable
base=([origin]=/dev/erasable)
fault_pair 4

erases() { # POLICY
	cbw_create cbw /dev/erasable "$target" 128 "sync none discard $1"
	put 2
	hang target
	# Longer than max_copy: two pieces.
	say blkdiscard --secure --offset $((5 * 65536 + 512)) --length $((20 * 65536)) /dev/mapper/cbw &
	await_status held=2 inflight=2
	assert_pit /dev/erasable 5 6 25
	unhang target
	ends_as ok $!
	assert_status cbw=22 held=0
	say blkdiscard --secure /dev/mapper/cbw
	assert_status cbw=64 held=0 inflight=0
	assert_same "$pit" "$target"
	assert_same /dev/zero /dev/erasable $((4 << 20))
	dmsetup remove --retry cbw
}

erases skip
dd if="$pit" of=/dev/erasable bs=1M oflag=direct status=none
erases copy
