#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# states change as documented, wake dmsetup wait, are shown in twelve fields, and the final ones stay
# tier: core
# timeout: 240
. "$CBW_LIB"

need_module dm_cbw
origin=$(mk_null origin 16)
target=$(mk_null target 16)
sectors=$(dev_sectors "$origin")
form="^0 $sectors cbw (running|paused|ready|completed|failed|cancelled|tracking) backup (full|none) [0-9]+ "
form+='[0-9]+/[0-9]+( [0-9]+){6} (-|[a-z-]+)$'

events() {
	dmsetup info -c --noheadings -o events cbw
}

is() { # STATE REASON
	local status
	status=$(dmsetup status cbw)
	[[ $status =~ $form ]] || fail "the status is not of the documented form: $status"
	assert_eq "${BASH_REMATCH[1]} ${BASH_REMATCH[4]}" "$1 $2" "state and reason"
}

becomes() { # STATE REASON COMMAND...: the command leads there and wakes whoever waits
	local event waiter
	event=$(events)
	cbw_event cbw "$event" &
	waiter=$!
	say "${@:3}"
	wait "$waiter" || fail "nobody was woken by: ${*:3}"
	(($(events) > event)) || fail "the event number is still $event"
	# It runs before it fails, and that wakes as well.
	[[ $1 != failed ]] || cbw_wait cbw failed
	is "$1" "$2"
}

tell() { # MESSAGE...
	dmsetup message cbw 0 "$@"
}

latched() { # STATE REASON: whatever one tries
	local event verb
	event=$(events)
	for verb in pause resume cancel; do
		! tell "$verb" 2> /dev/null || fail "$verb accepted in state $1"
	done
	tell speed 0
	dmsetup suspend cbw
	is "$1" "$2"
	dmsetup resume cbw
	is "$1" "$2"
	assert_eq "$(events)" "$event" "event number"
	dmsetup remove --retry cbw
}

# A table that was loaded and never resumed.
say dmsetup create cbw --notable
say dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "speed 1")"
status=$(dmsetup status --inactive cbw)
[[ $status =~ $form ]] || fail "the status is not of the documented form: $status"
assert_eq "$status" "0 $sectors cbw paused backup full 128 0/256 0 0 0 0 0 0 new" "status of the inactive table"

becomes running - dmsetup resume cbw
becomes paused user tell pause
dmsetup suspend cbw
is paused user
dmsetup resume cbw
is paused user
becomes running - tell resume
dmsetup suspend cbw
is running -
dmsetup resume cbw
is running -
becomes completed - tell speed 0
latched completed -

cbw_create cbw "$origin" "$target" 128 "paused"
is paused user
assert_eq "$(cbw_field cbw progress)" 0/256 "progress"
becomes cancelled user tell cancel
latched cancelled user

cbw_create cbw "$origin" "$target" 128 "speed 1"
becomes cancelled user tell cancel
latched cancelled user

cbw_create cbw "$origin" "$target" 128 "sync none"
is running -
becomes paused user tell pause
dmsetup suspend cbw
becomes cancelled user tell cancel
dmsetup resume cbw
latched cancelled user

dmsetup create bad --table "0 $sectors error"
cbw_create cbw "$origin" /dev/mapper/bad 128 "paused"
becomes failed target-error tell resume
latched failed target-error
