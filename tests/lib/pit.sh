# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that prove the point in time. After guest.sh:  . "${CBW_LIB%/*}/pit.sh"
#
#     stamping writers
#            |                  load + resume
#     /dev/mapper/cbw:  linear  ------------->  cbw  ->  $target, full of foreign stamps at first
#     ($volume)
#            |                                   |
#     $origin, the first $length sectors, full of stamps of generation 0
#
# The backup must be the origin at one instant between those noted before and after the resume ($after, $before).
# $length fits no chunk, and what lies behind it on the target device must stay as it is.

need_module dm_cbw
RANDOM=$CBW_SEED
volume=cbw
log=$CBW_TMP/log
foreign=$((CBW_SEED + 1))

# One write of more than 1 MiB is more than one bio, and the point in time may lie between those.
one_bio=2049s

behind() { # prints what the target device holds behind the end of the origin
	blockdev --flushbufs "$target"
	dd if="$target" bs=512 skip="$length" status=none
}

fill_target() {
	cbw-stamp fill "$target" --seed "$foreign" --block "${block:-512}"
	behind > "$CBW_TMP/behind"
}

stamp_devices() { # of $origin and $target, $length sectors (default: odd) or less for $block: /dev/mapper/cbw is linear then
	length=${length:-$(($(dev_sectors "$origin") - 1 - 2 * (RANDOM % 31)))}
	mk_linear cbw "$origin" 0 "$length" > /dev/null
	cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED" --block "${block:-512}"
	fill_target
}

null_devices() { # MIB [ORIGIN-ATTRIBUTE=VALUE]...
	origin=$(mk_null origin "$1" discard=1 "${@:2}")
	target=$(mk_null target $(($1 + 1)))
	stamp_devices
}

# A copy reads the origin some milliseconds after it was told to: a write that does not wait for it comes before.
late_devices() { # MIB [MILLISECONDS]
	local null
	need_module dm_delay
	null=$(mk_null late "$1" discard=1)
	say dmsetup create origin --table "0 $(dev_sectors "$null") delay $null 0 ${2:-5} $null 0 0"
	origin=/dev/mapper/origin
	target=$(mk_null target $(($1 + 1)))
	stamp_devices
}

start_writers() { # [OPTION]...
	local stat before
	stat=$(dm_sysfs "$volume")/stat
	before=$(< "$stat")
	cbw-stamp run "/dev/mapper/$volume" --log "$log" --seed "$CBW_SEED" --block "${block:-512}" --threads 4 --max 2M \
		--read 10 --discard 5 --zero 5 --flush 3 "$@" > "$CBW_TMP/writers" &
	writers=$!
	# The log may be there from before.
	retry 30 eval '[[ -s $log && $(< "$stat") != "$before" ]]' || fail "the writers do not start"
	sleep 0.5
}

stop_writers() {
	kill -TERM "$writers"
	wait "$writers" || fail "the writers met an error or read something wrong: $(cat "$CBW_TMP/writers")"
	cat "$CBW_TMP/writers"
}

load() { # CHUNK ['FEATURE ARGUMENTS']
	chunk=$1
	say dmsetup load cbw --table "$(cbw_table "$origin" "$target" "$chunk" "${2:-}" "$length")"
}

resume() {
	sleep 0.$((RANDOM % 4))
	after=$(cbw-stamp now)
	say dmsetup resume cbw
	before=$(cbw-stamp now)
}

# shellcheck disable=SC2034 # options of dmsetup, for the tests
ways=("" --noflush --nolockfs "--noflush --nolockfs")

target_writes() {
	dev_stat /dev/target | awk '{ print $5, $7 }'
}

stands_still() {
	local before
	before=$(target_writes)
	sleep 0.1
	assert_eq "$(target_writes)" "$before" "writes to the target device while suspended (requests, sectors)"
	assert_eq "$(cbw_field cbw inflight)" 0 "copies in flight while suspended"
	assert_eq "$(cbw_field cbw held)" 0 "held writes while suspended"
}

to_linear() {
	say dmsetup load cbw --table "0 $length linear $origin 0"
	say dmsetup resume cbw
}

check_stamps() { # DEVICE [OPTION]...: sets $result
	printf '+ cbw-stamp check %s\n' "$*" >&2
	result=$(cbw-stamp check "$1" --log "$log" --allow-torn="$one_bio" "${@:2}") || fail "$result"
	echo "$result"
}

check_pit() { # [OPTION]...: the target device, and that there is something to prove
	check_stamps "$target" --after "$after" --before "$before" --chunk "${chunk}s" "$@"
	[[ $result =~ after=[1-9] ]] || fail "no write came after the point in time"
	cmp "$CBW_TMP/behind" <(behind) || fail "the target device was written behind the end of the origin"
}

check_newest() {
	check_stamps /dev/mapper/cbw --final
	check_stamps "$origin" --final
}

# The whole of it, beneath the writers, for sync full: to the end of the job and beyond.
prove_full() { # CHUNK 'FEATURE ARGUMENTS' [WRITER-OPTION]...
	start_writers "${@:3}"
	load "$1" "$2"
	resume
	cbw_wait cbw completed
	sleep 0.5
	stop_writers
	check_pit
	(($(cbw_field cbw cbw) > 0)) || fail "no write met a pending chunk: $(dmsetup status cbw)"
	check_newest
}

# For sync none: what was saved, and the origin where nothing was.
prove_none() { # CHUNK 'FEATURE ARGUMENTS' [WRITER-OPTION]...
	start_writers "${@:3}"
	load "$1" "sync none $2"
	resume
	sleep 3
	check_pit --pending-from "$origin"
	stop_writers
	check_pit --pending-from "$origin"
	assert_eq "$(cbw_field cbw state)" running state
	check_newest
}
