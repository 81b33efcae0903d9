#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# while a list is made, beneath writers, the view is the point in time; then what was listed, or written to meanwhile, still is, there and on the target device, and the rest is zeroes
# timeout: 300
# needs: python3
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

program=${CBW_LIB%/*}/listed.py

# Half of the device or so, in random ranges; some of what is added is taken away before.
make_list() {
	local start count
	: > "$CBW_TMP/list"
	# Not what was saved meanwhile.
	dmsetup message cbw 0 bitmap remove 0 "$length"
	for _ in {1..12}; do
		start=$((RANDOM * 32768 + RANDOM)) count=$((1 + RANDOM % (length / 8)))
		start=$((start % (length - count)))
		dmsetup message cbw 0 bitmap add "$start" "$count"
		((RANDOM % 4)) || dmsetup message cbw 0 bitmap remove "$start" "$count"
		echo "$start $count" >> "$CBW_TMP/list"
	done
	while read -r start count; do
		dmsetup message cbw 0 bitmap add "$start" "$count"
	done < "$CBW_TMP/list"
}

disturb() { # COMMAND...: that is what comes while the device is suspended
	pick --noflush --nolockfs
	dmsetup suspend "$picked" cbw
	sleep 0.$((RANDOM % 4))
	"$@"
	dmsetup resume cbw
}

prove_listed() { # CHUNK 'FEATURE ARGUMENTS' [COMMAND...]: that is what starts the job
	local reader saved extra
	fill_target
	dd if="$target" of="$CBW_TMP/foreign" bs=512K iflag=direct status=none
	start_writers --max 256K --within 6M
	load "$1" "$2"
	resume
	mk_view
	take_image
	make_list
	python3 "$program" read "$image" "$CBW_TMP/list" "$chunk" /dev/mapper/view "$CBW_SEED" &> "$CBW_TMP/reads" &
	reader=$!
	retry 30 grep -q reading "$CBW_TMP/reads" || fail "nobody reads"
	disturb true
	assert_status state=paused reason=held sweep=0
	"${@:3}"
	sleep 1
	disturb true
	stop_writers
	# The rest is written to as well, most of it for the first time.
	start_writers --max 256K --hot
	cbw_wait cbw completed
	sleep 1
	stop_writers
	# What is wrong ends it early.
	kill -TERM "$reader" 2> /dev/null || true
	wait "$reader" || fail "a read of the view was wrong: $(cat "$CBW_TMP/reads")"
	blockdev --flushbufs "$target"
	python3 "$program" check "$image" "$CBW_TMP/list" "$chunk" "$target" "$CBW_TMP/foreign" /dev/mapper/view > "$CBW_TMP/check" ||
		fail "the backup, or its view, is wrong"
	read -r saved extra < "$CBW_TMP/check"
	echo "reads, and chunks that became zeroes: $(tail -n 1 "$CBW_TMP/reads"); saved, of these not listed: $saved $extra"
	(($(tail -n 1 "$CBW_TMP/reads" | cut -d' ' -f2) > 0)) || fail "no chunk became zeroes"
	assert_status progress="$saved/$saved"
	((extra > 0 && saved < (length - 1) / chunk)) || fail "nothing to prove: $saved saved, $extra of them not listed"
	cmp "$CBW_TMP/behind" <(behind) || fail "the target device was written behind the end of the origin"
	check_newest
	dmsetup remove view
	to_linear
}

late_devices 16
prove_listed 8 "sync bitmap speed 2048" dmsetup message cbw 0 bitmap start
prove_listed 64 "sync top" disturb dmsetup message cbw 0 bitmap start
