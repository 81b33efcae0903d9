#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# bitmap start beneath writers and readers of the view, at the same time as everything else that can happen to a job: nothing hangs, is lost or is counted wrong
# timeout: 400
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

tell() { # MESSAGE...: it may be refused
	dmsetup message cbw 0 "$@" 2> /dev/null || true
}

suspend() {
	pick --noflush --nolockfs
	dmsetup suspend "$picked" cbw
	tell bitmap add $((RANDOM % length)) 1
	dmsetup resume cbw
}

replace() {
	load 64 "sync full speed 65536"
	dmsetup resume cbw
}

steer() {
	tell pause
	tell resume
	tell bitmap add 0 $((1 + RANDOM % length))
	tell bitmap start
}

read_view() {
	local i
	for i in {1..8}; do
		dd if=/dev/mapper/view of=/dev/null bs=1M skip=$((i % 4 * 4)) count=4 iflag=direct status=none 2> /dev/null || true
	done
}

sane() { # done is never more than total
	local progress
	progress=$(cbw_field cbw progress)
	((${progress%/*} <= ${progress#*/})) || fail "more is done than there is: $progress"
}

late_devices 16 2
start_writers --max 256K --within 12M
for beside in suspend replace "tell cancel" steer suspend "tell bitmap start" suspend; do
	pick 8 64 512
	load "$picked" "sync bitmap cbw_timeout 60000"
	say dmsetup resume cbw
	say dmsetup create view --readonly --table "0 $length cbw-snapshot $origin"
	tell bitmap add $((RANDOM % (length / 2))) $((1 + RANDOM % (length / 2)))
	tell bitmap add $((RANDOM % length)) 1
	read_view &
	reader=$!
	tell bitmap start &
	starter=$!
	sleep 0.0$((RANDOM % 10))
	$beside
	wait "$starter"
	sane
	if status_is reason=held; then
		tell bitmap start
	fi
	if status_is state=running || status_is state=paused; then
		tell resume
		cbw_wait cbw completed
		progress=$(cbw_field cbw progress)
		assert_eq "${progress%/*}" "${progress#*/}" "done, of total"
	fi
	wait "$reader"
	with_deadline 60 dmsetup remove --retry view
	await_status inflight=0 held=0
done
stop_writers
check_newest
