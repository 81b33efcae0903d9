#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a noflush suspend hands back what is held, waits for its copies, and the writes go on after it
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "sync none on_cbw_error break-write cbw_timeout 0"
hang target
begin_held_put 3
first=$!
begin_held_put 3 2
second=$!

dmsetup suspend --noflush --nolockfs cbw &
suspend=$!
await_status held=0 inflight=1
unhang target
ends_as ok $suspend
assert_status state=running held=0 inflight=0 cbw=1
assert_pit "$origin" 3
assert_pit "$target" 3
kill -0 $first && kill -0 $second || fail "a write ended while the device was suspended"

dmsetup resume cbw
ends_as ok $first
ends_as ok $second
assert_new "$origin" 3
assert_pit "$target" 3
assert_status state=running held=0 inflight=0 cbw=1
