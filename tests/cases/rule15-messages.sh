#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# messages and status answer while every device hangs, and a cancel lets held writes go
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

tell() {
	with_deadline 30 dmsetup message cbw 0 "$@"
}

fault_pair 4
hang target
hang origin
cbw_create cbw "$origin" "$target" 128 "max_copy 128 workers 1 cbw_timeout 0"
await_status inflight=1
begin_held_put 40
writer=$!
tell pause
tell speed 100
tell workers 2
tell resume
with_deadline 30 assert_status state=running held=1
with_deadline 30 dmsetup table cbw > /dev/null
expect_fail 'Invalid|must be' tell nonsense
tell cancel
unhang origin
ends_as ok $writer
assert_status state=cancelled reason=user held=0
assert_new "$origin" 40
unhang target
await_status inflight=0
