#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what the sweep does about an error, by policy and side: it fails, stops or tries again, and never skips a chunk
# tier: core
# timeout: 400
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# The other side has the other policy, which must not matter.
start() { # SIDE POLICY [FEATURES]
	local other=target kind=read
	[[ $1 == origin ]] || other=source kind=write
	side=source
	[[ $1 == origin ]] || side=target
	inject "$1" $kind 31
	cbw_create cbw "$origin" "$target" 128 \
		"on_${side}_error $2 on_${other}_error report max_copy 128 workers 4 ${3:-}"
}

tell() {
	dmsetup message cbw 0 "$@"
}

completes() { # NAME
	mend "$1"
	! status_is state=paused || tell resume
	cbw_wait cbw completed
	await_status progress=64/64 held=0 inflight=0 reason=-
	dmsetup remove --retry cbw
	assert_same "$pit" "$target"
	dd if=/dev/zero of="$target" bs=1M count=4 oflag=direct status=none
	dd if="$pit" of="$origin" bs=1M oflag=direct status=none
}

report() { # NAME
	start "$1" report
	await_status state=failed reason=$side-error inflight=0
	(($(cbw_field cbw "done") < 64)) || fail "the chunk counts as saved"
	mend "$1"
	dmsetup remove --retry cbw
}

stop() { # NAME
	start "$1" stop
	await_status state=paused reason=$side-error inflight=0
	before=$(cbw_field cbw ${side}_errors)
	# Not mended yet: the same again.
	event=$(dmsetup info -c --noheadings -o events cbw)
	tell resume
	cbw_event cbw "$event" || fail "no event"
	await_status state=paused reason=$side-error inflight=0
	(($(cbw_field cbw ${side}_errors) > before)) || fail "it was not tried again"
	(($(cbw_field cbw "done") < 64)) || fail "the chunk counts as saved"
	# Copy-before-write goes on, and saves others.
	put 63
	assert_pit "$target" 63
	completes "$1"

	start "$1" stop
	await_status state=paused reason=$side-error
	tell cancel
	assert_status state=cancelled reason=user
	mend "$1"
	dmsetup remove --retry cbw
}

all_but_one() {
	status_is state=running progress=63/64 reason=-
}

# Copies that fail are few: each is followed by a rest of 100 ms. Twice as many are forgiven, and some at the start.
ignore() { # NAME
	local events before begin
	start "$1" ignore
	retry 60 all_but_one || fail "the other chunks are not saved: $(dmsetup status cbw)"
	events=$(dmsetup info -c --noheadings -o events cbw)
	before=$(cbw_field cbw ${side}_errors) begin=${EPOCHREALTIME/./}
	sleep 3
	((tries = $(cbw_field cbw ${side}_errors) - before, micros = ${EPOCHREALTIME/./} - begin))
	((tries >= 1)) || fail "it is not tried again: $(dmsetup status cbw)"
	((tries <= 10 + 2 * 4 * micros / 100000)) || fail "$tries copies failed in $micros us"
	(($(dmsetup info -c --noheadings -o events cbw) > events)) || fail "the errors raise no event"
	all_but_one || fail "the chunk was skipped: $(dmsetup status cbw)"
	completes "$1"
}

enospc() { # NAME: what is no lack of space is reported
	start "$1" enospc
	await_status state=failed reason=$side-error inflight=0
	mend "$1"
	dmsetup remove --retry cbw
}

fault_pair 4
for policy in report stop ignore enospc; do
	for name in origin target; do
		$policy $name
	done
done
