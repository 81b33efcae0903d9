#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a thin target device that is full stops the job; once the pool is larger the job goes on to its end
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

pool() { # SECTORS
	echo "0 $1 thin-pool /dev/meta /dev/mapper/data 128 0 1 error_if_no_space"
}

extend() {
	say dmsetup load data --table "0 16384 linear /dev/space 0"
	say dmsetup resume data
	say dmsetup load pool --table "$(pool 16384)"
	say dmsetup resume pool
}

fault_pair 4
need_module dm_thin_pool
mk_null meta 4 > /dev/null
mk_null space 8 > /dev/null
mk_linear data /dev/space 0 4096 > /dev/null
say dmsetup create pool --table "$(pool 4096)"
dmsetup message pool 0 "create_thin 0"
say dmsetup create thin --table "0 8192 thin /dev/mapper/pool 0"

cbw_create cbw "$origin" /dev/mapper/thin 128 "on_target_error enospc on_cbw_error break-write paused"
put 60
dmsetup message cbw 0 resume
await_status state=paused reason=enospc target_errors='[1-9]*' inflight=0 held=0
(($(cbw_field cbw "done") < 64)) || fail "what has no space counts as saved: $(dmsetup status cbw)"
# Still full.
dmsetup message cbw 0 resume
await_status state=paused reason=enospc inflight=0
# What a write would have saved has no space either.
expect_fail 'Input/output error' put 61
assert_pit "$origin" 61

extend
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_same "$pit" /dev/mapper/thin
assert_new "$origin" 60
dmsetup remove --retry cbw
