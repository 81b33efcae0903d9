#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a table that is loaded while another one is being resumed has nothing to do with that, and its job is right
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

table() { # [FEATURE ARGUMENTS]
	cbw_table "$origin" "$target" 128 "cbw_timeout 0 $1"
}

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "cbw_timeout 0 sync none"
hang target
begin_held_put 3
writer=$!
dmsetup load cbw --table "$(table "speed 1")"
dmsetup resume cbw &
resume=$!
retry 20 grep -q dm_suspend /proc/$resume/stack || fail "the resume does not wait for the held write"
say dmsetup load cbw --table "$(table "speed 1 max_copy 128")"
unhang target
ends_as ok $resume
ends_as ok $writer
assert_new "$origin" 3

# Now that one.
blockdev --flushbufs "$origin"
dd if="$origin" of="$pit" bs=1M iflag=direct status=none
say dmsetup resume cbw
assert_status state=running
put 5
assert_status cbw=1
say dmsetup message cbw 0 speed 0
cbw_wait cbw completed
assert_same "$pit" "$target"
