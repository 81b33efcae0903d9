#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a malformed message, or one that comes too late, is refused with one line in the log and changes nothing
# tier: core
# timeout: 240
. "$CBW_LIB"

origin=$(mk_null origin 16)
target=$(mk_null target 16)
sectors=$(dev_sectors "$origin")
wanted=()

state() {
	dmsetup status cbw
	dmsetup table cbw
}

refused() { # REASON MESSAGE...
	local output
	if output=$(dmsetup message -- cbw 0 "${@:2}" 2>&1); then
		fail "accepted: ${*:2}"
	fi
	[[ $output == *"Invalid argument"* ]] || fail "'${*:2}' failed with: $output"
	wanted+=("message \"$2\" refused: $1")
}

malformed() {
	local word
	local unknown='it must be pause, resume, cancel, complete, copy_mode write-blocking, speed <KiB/s>, min_speed <KiB/s>, target_latency <us>, workers <n>, bitmap add|remove <start> <length>, bitmap start, stats, stats reset, changed, changed <sector>, taken <sector> or map <sector> <sectors>'
	refused 'only job mirror is completed by a message' complete
	refused 'only job mirror has a copy_mode' copy_mode write-blocking
	for word in stop Speed=; do
		refused "$unknown" "$word"
	done
	for word in pause resume cancel complete 'speed 1' 'min_speed 1' 'target_latency 1' 'workers 1' stats 'stats reset'; do
		# shellcheck disable=SC2086 # the words of the message
		refused "$unknown" $word now
	done
	refused 'changes of this device are not tracked' changed 0
	for word in bitmap 'bitmap begin' 'bitmap add' 'bitmap add 0' 'bitmap add 0 1 1' 'bitmap start now' 'bitmap set 0 1'; do
		# shellcheck disable=SC2086 # the words of the message
		refused "$unknown" $word
	done
	refused 'it takes the first sector and how many there are, 1 or more' bitmap add 0 0
	refused 'the range ends beyond the device' bitmap add "$sectors" 1
	for word in 'add 0 1' 'REMOVE 0 1' start; do
		# shellcheck disable=SC2086 # the words of the message
		refused 'the job is not held: only sync top and bitmap are, until bitmap start' bitmap $word
	done
	refused 'changes of this device are not tracked' taken 0
	refused "$unknown" changed 0 0
	for word in map 'map 0' 'map 0 1 1'; do
		# shellcheck disable=SC2086 # the words of the message
		refused "$unknown" $word
	done
	for word in '0 0' '-1 1' '0 -1' 'x 1' '0 18446744073709551616'; do
		# shellcheck disable=SC2086 # the words of the message
		refused 'it takes a sector, and how many each line is for, 1 or more' map $word
	done
	for word in speed min_speed target_latency workers; do
		refused "$unknown" "$word"
	done
	for word in -1 +1 x 1k 1.5 0x10 4294967296; do
		refused 'Feature speed takes KiB/s, 0 to 4294967295' speed "$word"
		refused 'Feature min_speed takes KiB/s, 1 to 4294967295' min_speed "$word"
		refused 'Feature target_latency takes microseconds, 0 to 4294967295' target_latency "$word"
	done
	refused 'Feature min_speed takes KiB/s, 1 to 4294967295' min_speed 0
	for word in 0 65 -1 +1 x 4294967297; do
		refused 'Feature workers takes a number, 1 to 64' workers "$word"
	done
}

too_late() {
	local word
	for word in pause resume cancel; do
		refused 'the job has ended, or not started yet' "$word"
	done
}

nothing_from() { # COMMAND...: no message that it sends changes anything
	local before
	before=$(state)
	"$@"
	assert_eq "$(state)" "$before" "status and table"
}

at_rest() { # PROGRESS
	[[ $(dmsetup status cbw) == *" $1 0 0 "* ]]
}

# One copy, and the limit lets no other follow in the time of this test: the status stands still.
cbw_create cbw "$origin" "$target" 128 "speed 1"
retry 30 at_rest 16/256
nothing_from malformed
dmsetup message cbw 0 pause
nothing_from malformed
dmsetup message cbw 0 cancel
nothing_from malformed
nothing_from too_late
dmsetup remove --retry cbw

cbw_create cbw "$origin" "$target" 128
cbw_wait cbw completed
retry 30 at_rest 256/256
nothing_from malformed
nothing_from too_late
dmsetup remove --retry cbw

dmsetup create bad --table "0 $sectors error"
cbw_create cbw "$origin" /dev/mapper/bad 128
cbw_wait cbw failed
retry 30 at_rest 0/256
nothing_from malformed
nothing_from too_late

never_reach_us() {
	expect_fail 'Empty message|Invalid' dmsetup message cbw 0 ''
	expect_fail 'sector outside device' dmsetup message cbw "$sectors" cancel
}
nothing_from never_reach_us

diff <(printf '%s\n' "${wanted[@]}") <(klog | sed -n 's/.*: \(message ".*" refused: \)/\1/p') >&2 ||
	fail "the log is not one line for each message"
