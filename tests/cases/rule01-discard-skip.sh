#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with discard skip what is pending is not discarded and can still be saved, the rest is discarded
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
mk_null discards 4 discard=1 > /dev/null
dd if="$pit" of=/dev/discards bs=1M oflag=direct status=none
cbw_create cbw /dev/discards /dev/target0 128 "sync none"
saved=(0 1 2 3 10 20 63)
# Every other one: many runs of one chunk each.
mapfile -t alternating < <(seq 31 2 59)
for chunk in "${saved[@]}" "${alternating[@]}"; do
	put "$chunk"
done
assert_status cbw=22
# From the middle of a chunk that is saved to the middle of one that is not, over all between.
say blkdiscard --offset $((32 << 10)) --length $((4064 << 10)) /dev/mapper/cbw
say blkdiscard --offset $((62 * 65536)) --length $((96 << 10)) /dev/mapper/cbw
assert_status cbw=22 held=0

image=$CBW_TMP/image
dd if=/dev/discards of="$image" bs=1M iflag=direct status=none
compare() { # FIRST NR FILE WHAT
	cmp -i $(($1 << 16)) -n $(($2 << 16)) "$image" "$3" || fail "$2 chunks from $1 are $4"
}
compare 4 6 "$pit" discarded
compare 11 9 "$pit" discarded
compare 21 10 "$pit" discarded
for chunk in "${alternating[@]}"; do
	compare "$chunk" 1 /dev/zero "not discarded"
	compare $((chunk + 1)) 1 "$pit" discarded
done
compare 60 3 "$pit" discarded
compare 1 3 /dev/zero "not discarded"
compare 10 1 /dev/zero "not discarded"
compare 20 1 /dev/zero "not discarded"
assert_new /dev/discards 0
for chunk in 4 30 62; do
	put "$chunk"
	assert_pit /dev/target0 $chunk
done
assert_status cbw=25
