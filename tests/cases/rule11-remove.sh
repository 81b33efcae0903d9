#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a table is removed in every state, and leaves nothing behind
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
create() { # [FEATURES]
	cbw_create cbw "$origin" "$target" 128 "max_copy 128 ${1:-}"
}

removed() {
	assert_status state="$1"
	say dmsetup remove --retry cbw
	[[ ! -e /dev/mapper/cbw ]] || fail "the device is still there"
	module_unused dm_cbw || fail "the module is still in use"
}

slow target 500
create "workers 2 speed 1"
await_status inflight='[1-9]*'
removed running

create paused
put 1
removed paused

create "speed 1"
dmsetup message cbw 0 cancel
removed cancelled

create "speed 1"
dmsetup suspend cbw
removed running

say dmsetup create cbw --notable
dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128)"
say dmsetup remove cbw

slow target 0
create
cbw_wait cbw completed
removed completed

inject target write
create
await_status state=failed
removed failed
