#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# two devices that are suspended together have one common point in time
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

names=(left right)
declare -A origins targets

block_of() { # DEVICE: prints the counter
	dd if="$1" bs=512 count=1 iflag=direct status=none | tr -d ' \0'
}

for name in "${names[@]}"; do
	origins[$name]=$(mk_null "o-$name" 8)
	targets[$name]=$(mk_null "t-$name" 8)
	mk_linear "$name" "${origins[$name]}" > /dev/null
done

# One after the other: at any instant left is as far as right, or one ahead.
for ((i = 1; ; i++)); do
	printf '%-512d' "$i" | dd of=/dev/mapper/left oflag=direct status=none
	printf '%-512d' "$i" | dd of=/dev/mapper/right oflag=direct status=none
done &
counter=$!
retry 30 eval '[[ -n $(block_of /dev/mapper/right) ]]' || fail "nothing is written"

for round in 1 2 3; do
	for name in "${names[@]}"; do
		say dmsetup load "$name" --table "$(cbw_table "${origins[$name]}" "${targets[$name]}" 128)"
	done
	for verb in suspend resume; do
		for name in "${names[@]}"; do
			say dmsetup "$verb" "$name"
			sleep 0.3
		done
	done
	for name in "${names[@]}"; do
		cbw_wait "$name" completed
	done
	left=$(block_of "${targets[left]}") right=$(block_of "${targets[right]}")
	echo "round $round: left $left, right $right"
	((right > 0 && (left == right || left == right + 1))) || fail "left was at $left and right at $right"
	# The writes go on, and neither backup follows.
	retry 30 eval '(($(block_of /dev/mapper/left) > left))' || fail "nothing was written after the point in time"
done
kill "$counter"
