#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# each way to fail wakes whoever waits for an event
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# The number of events is read before the state, so none is missed; without one the wait would not end.
waits_for_failure() {
	local event=$1
	while :; do
		cbw_event cbw "$event" || fail "no event: $(dmsetup status cbw)"
		event=$(dmsetup info -c --noheadings -o events cbw)
		! status_is state=failed || break
	done
}

fails() { # REASON FEATURES FAULT... -- COMMAND...
	local reason=$1 event fault=()
	cbw_create cbw "$origin" "$target" 128 "paused $2"
	shift 2
	while [[ $1 != -- ]]; do
		fault+=("$1")
		shift
	done
	"${fault[@]}"
	event=$(dmsetup info -c --noheadings -o events cbw)
	"${@:2}"
	waits_for_failure "$event"
	assert_status state=failed reason="$reason"
	mend target
	mend origin
	dmsetup remove --retry cbw
}

fault_pair 4 cache_size=1
fails cbw-error "" inject target write -- put 3
fails cbw-timeout "cbw_timeout 500" hang target -- put 3
fails source-error "" inject origin read 5 -- dmsetup message cbw 0 resume
fails target-error "" inject target write 5 -- dmsetup message cbw 0 resume
fails target-error "" inject target flush -- dmsetup message cbw 0 resume
