#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# sectors of 512 bytes on one side and of 4096 on the other
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

# The last chunk is short by sectors of the larger kind.
length=$(((32 << 11) - 8 * (1 + RANDOM % 7)))
for blocks in "512 4096" "4096 512"; do
	read -r block other <<< "$blocks"
	origin=$(mk_null "origin$block" 32 discard=1 blocksize="$block")
	target=$(mk_null "target$other" 33 blocksize="$other")
	mk_linear cbw "$origin" 0 "$length" > /dev/null
	cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED" --block "$block"
	block=4096 fill_target
	for chunk in 8 64; do
		prove_full "$chunk" "speed 16384 max_copy 64" --max 64K
		to_linear
	done
	dmsetup remove --retry cbw
	rm "$log"
done
