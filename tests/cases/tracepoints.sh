#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tracepoints cbw:* tell of copies, holds and states, with device, sectors, times and errors
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

tracing=/sys/kernel/tracing

# What came since the last call, without the columns of the tracer itself.
traced() {
	sed -nE 's/.* (cbw_[a-z_]+: .*)/\1/p' "$tracing/trace"
	: > "$tracing/trace"
}

expect() { # WHAT: each line of the standard input is a regular expression, all of one event, in order
	local got=$1 regex nr=0
	while read -r regex; do
		nr=$((nr + 1))
		[[ $(sed -n "${nr}p" <<< "$got") =~ ^$regex$ ]] || fail "event $nr is not '$regex': $got"
	done
	assert_eq "$(wc -l <<< "$got")" "$nr" "the number of events"
}

fault_pair 4
need_module dm_cbw
echo 1 > "$tracing/events/cbw/enable"
cbw_create cbw "$origin" "$target" 128 "sync none on_cbw_error break-write"
dev=$(dmsetup info -c --noheadings --separator : -o major,minor cbw)
put 3
expect "$(traced)" <<-END
	cbw_state: $dev running -
	cbw_hold: $dev 384 \+ 8
	cbw_copy_start: $dev write 384 \+ 128
	cbw_copy_done: $dev write 384 \+ 128 errors -
	cbw_release: $dev 384 \+ 8 held_ns [1-9][0-9]* error 0
END
inject target write
begin_put 5 && ends_as error $!
expect "$(traced)" <<-END
	cbw_hold: $dev 640 \+ 8
	cbw_copy_start: $dev write 640 \+ 128
	cbw_copy_done: $dev write 640 \+ 128 errors target
	cbw_release: $dev 640 \+ 8 held_ns [1-9][0-9]* error -5
END
mend target
dmsetup message cbw 0 cancel
expect "$(traced)" <<< "cbw_state: $dev cancelled user"
dmsetup remove --retry cbw

cbw_create cbw "$origin" "$target" 128 "workers 1 max_copy 8192 paused"
dmsetup message cbw 0 resume
cbw_wait cbw completed
expect "$(traced)" <<-END
	cbw_state: $dev paused user
	cbw_state: $dev running -
	cbw_copy_start: $dev sweep 0 \+ 8192
	cbw_copy_done: $dev sweep 0 \+ 8192 errors -
	cbw_copy_start: $dev sweep 0 \+ 0
	cbw_copy_done: $dev sweep 0 \+ 0 errors -
	cbw_state: $dev completed -
END
echo 0 > "$tracing/events/cbw/enable"
