#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what was safe and could not be written to the target device breaks the job, whatever its policies; what no write needed may be copied again
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

create() { # FEATURES
	cbw_create cbw "$origin" "$target" 128 "engine buffered release safe $1"
}

ends_broken() { # REASON
	await_status state=failed reason="$1" inflight=0 held=0 target_errors='[1-9]*'
	for message in resume pause cancel; do
		dmsetup message cbw 0 $message 2> /dev/null || true
	done
	assert_status state=failed reason="$1"
	dmsetup remove --retry cbw
	mend target
	dd if="$pit" of="$origin" bs=1M oflag=direct status=none
}

fault_pair 4

for policy in ignore stop enospc; do
	create "paused on_target_error $policy"
	hang target
	with_deadline 30 put 5
	assert_status state=paused inflight=1
	inject target write
	ends_broken target-error
done

# A copy of the sweep that a write has made use of.
hang target
create "workers 1 max_copy 128 on_target_error ignore"
await_status inflight=1
with_deadline 30 put 0
inject target write
ends_broken target-error

# And one that none has.
hang target
create "workers 1 max_copy 128 on_target_error stop"
await_status inflight=1
inject target write
await_status state=paused reason=target-error inflight=0 progress=0/64
mend target
dmsetup message cbw 0 resume
cbw_wait cbw completed
dmsetup remove --retry cbw
assert_same "$pit" "$target"

# What cannot be read is not safe.
create "paused"
inject origin read 7
put 7
assert_status state=failed reason=cbw-error source_errors=1
mend origin
assert_new "$origin" 7
dmsetup remove --retry cbw
dd if="$pit" of="$origin" bs=1M oflag=direct status=none

# Nor is it forgotten: the next incremental backup has it, whenever the job has ended.
say dmsetup create cbw --table "0 8192 cbw $origin - 128 track"
replace() { # FEATURES
	say dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "engine buffered release safe $1" 8192)"
	say dmsetup resume cbw
}

has_changed() { # CHUNK...: these, and no others
	assert_eq "$(dmsetup message cbw 0 changed 0)" "$(for chunk; do echo "$((chunk * 128)) 128"; done)" "what has changed"
}

replace ""
cbw_wait cbw completed
put 11
put 13
replace "sync incremental bitmap_mode always paused"
assert_status progress=0/2
hang target
with_deadline 30 put 11
inject target write
await_status state=failed inflight=0
has_changed 11 13
mend target

replace "sync incremental bitmap_mode always paused"
hang target
with_deadline 30 put 11
dmsetup message cbw 0 cancel
cbw_wait cbw cancelled
sleep 0.5
unhang target
await_status inflight=0
has_changed 11 13
