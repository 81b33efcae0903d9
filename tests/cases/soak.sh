#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: soak
# timeout: 900
# until the time is over: any load, any job, any fault; the point in time and the newest data are always right
#
# CBW_MINUTES on the host says how long. Each round is one job, from its point in time to its end or its failure.
# After a failure look at the round's first line, at what was done since (+), and at the state and the kernel log.
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh, faults.sh and mirror.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/mirror.sh"

moment() { # up to half a second
	sleep 0.$((RANDOM % 5))$((RANDOM % 10))
}

fault() {
	local side kind
	pick target target origin
	side=$picked
	# A write of the origin that fails is nobody's fault but the origin's.
	pick read write flush all
	[[ $side == target ]] && kind=$picked || kind="read"
	case $((RANDOM % 3)) in
	0) inject "$side" "$kind" $((RANDOM % 96)) ;;
	1) inject "$side" "$kind" ;;
	2) hang "$side" ;;
	esac
	moment
	mend "$side"
}

pace() {
	pick 0 0 1 3
	slow target "$picked"
}

pause() {
	local flags
	pick "" --noflush --nolockfs "--noflush --nolockfs"
	read -ra flags <<< "$picked"
	say dmsetup suspend "${flags[@]}" cbw
	((RANDOM % 3)) || say dmsetup status cbw > /dev/null
	moment
	say dmsetup resume cbw
}

# A table that never becomes live is no job.
unused_table() {
	say dmsetup load cbw --table "$(cbw_table "$origin" "$target" 64 "" "$length")"
	moment
	say dmsetup clear cbw
}

tell() {
	pick pause resume "speed 0" "speed $((1 + RANDOM))" "workers $((1 + RANDOM % 64))" stats "stats reset"
	# shellcheck disable=SC2086 # words are wanted; a job that has ended refuses some
	dmsetup message cbw 0 $picked > /dev/null 2>&1 || true
}

read_load() {
	fio --name=read --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=8 --rw=randread --bs=16k \
		--continue_on_error=all --time_based --runtime=$((1 + RANDOM % 3)) > /dev/null 2>&1 || true
}

disturb() {
	local i
	for ((i = 0; i < 6 + RANDOM % 10; i++)); do
		pick fault fault fault pause pause tell tell unused_table pace read_load
		"$picked"
		moment
	done
	mend origin
	slow target 0
}

# Errors may have made it pause, and the limit may be low.
urge() { # REGEX: the states that it is urged to
	local state
	state=$(cbw_field cbw state)
	[[ $state != paused ]] || dmsetup message cbw 0 resume || true
	[[ $state =~ ^($1)$ ]]
}

features() { # MAY-FAIL SYNC: sets $picked
	local words
	pick "discard skip" "discard copy" "workers 1" "max_copy 2048 workers 64" "paused" ""
	words="$picked speed $((4096 + RANDOM))"
	pick "engine kcopyd" "engine buffered" "engine buffered buf_size 4096" "engine buffered zeroes write-zeroes"
	words+=" $picked"
	# Of one that does not end nobody knows what is still in the buffer.
	if (($1 && RANDOM % 2)) && [[ $2 == full && $words == *buffered* ]]; then
		picked="$words release safe"
		return
	fi
	if ((!$1)); then
		pick ignore stop
		words+=" on_cbw_error break-write on_target_error $picked"
		pick ignore stop
		picked="$words on_source_error $picked cbw_timeout 0"
	else
		pick "cbw_timeout 100" "on_cbw_error break-write" "on_source_error ignore" "on_target_error enospc"
		picked="$words $picked"
	fi
}

prove_job() { # MAY-FAIL SYNC
	local pending=(--pending-from "$origin")
	if [[ $2 != none ]]; then
		dmsetup message cbw 0 speed 0
		retry 120 urge "completed|failed" || fail "the job does not end: $(dmsetup status cbw)"
		pending=()
	fi
	if [[ $(cbw_field cbw state) != failed ]]; then
		check_pit "${pending[@]}"
		proven=$((proven + 1))
	elif ((!$1)); then
		fail "the job has failed: $(dmsetup status cbw)"
	fi
}

random_writers() { # sets $writing
	pick "--max 4K" "--max 64K --hot" "--max 2M" "--min 64K --max 4M" "--mode sequential --max 1M" \
		"--mode boundary --chunk 64K --threads 12 --max 256K"
	read -ra writing <<< "$picked"
}

backup_round() {
	local CBW_JOB=backup may_fail=$((RANDOM % 3 == 0)) sync writing
	pick full full none
	sync=$picked
	random_writers
	fill_target
	start_writers --allow-errors "${writing[@]}"
	features "$may_fail" "$sync"
	# shellcheck disable=SC2086 # set by features
	set -- "$picked"
	pick 8 16 128 512 2048
	echo "--- round $number at $SECONDS s: sync $sync, chunk $picked, $1, ${writing[*]}"
	load "$picked" "sync $sync $1"
	resume
	disturb
	prove_job "$may_fail" "$sync"
	stop_writers
	check_newest
	to_linear
}

# Of both devices: what a flush that failed has lost, no copy brings back.
prove_mirror() {
	dmsetup message cbw 0 speed 0
	dmsetup message cbw 0 copy_mode write-blocking || true
	retry 120 urge "ready|failed" || fail "the mirror does not become ready: $(dmsetup status cbw)"
	[[ $(cbw_field cbw state) != failed ]] || return 0
	pick complete cancel
	end_mirror "$picked"
	proven=$((proven + 1))
	say dmsetup resume cbw
}

mirror_round() {
	local CBW_JOB=mirror features writing
	random_writers
	fill_target
	start_writers --allow-errors "${writing[@]}"
	pick background write-blocking
	features="copy_mode $picked cbw_timeout 0 speed $((4096 + RANDOM))"
	pick ignore stop
	features+=" on_target_error $picked on_source_error $picked"
	pick kcopyd buffered
	features+=" engine $picked"
	pick 8 16 128 512 2048
	echo "--- round $number at $SECONDS s: mirror, chunk $picked, $features, ${writing[*]}"
	load "$picked" "$features"
	resume
	disturb
	prove_mirror
	stop_writers
	check_newest
	to_linear
}

# A chunk that is discarded reads the same on both.
mk_faulty origin 48 discard=1
mk_faulty target 49 discard=1
stamp_devices
minutes=${CBW_MINUTES:-10} proven=0
[[ $minutes =~ ^[1-9][0-9]*$ ]] || fail "CBW_MINUTES is a number of minutes, not '$minutes'"
for ((number = 1; SECONDS < minutes * 60; number++)); do
	pick backup backup mirror
	"${picked}_round"
done
echo "$((number - 1)) rounds, of which $proven are proven right; the others have failed, as they may"
((proven > 0)) || fail "nothing is proven"
