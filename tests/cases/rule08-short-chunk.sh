#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a length that no chunk fits is saved to its last sector, counted right, and nothing behind it is written
# tier: core
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

length=7979
whole=$(mk_null whole 4)
mk_linear origin "$whole" 0 $length > /dev/null
dd if=/dev/urandom of="$origin" bs=512 count=$length oflag=direct status=none
dd if="$origin" of="$pit" bs=512 iflag=direct status=none
larger=$(mk_null larger 5)
mk_linear equal "$larger" 0 $length > /dev/null
dd if=/dev/zero bs=1M count=5 status=none | tr '\0' '\252' > "$CBW_TMP/sentinel"

check() { # TARGET CHUNK FEATURES
	local chunks=$(((length + $2 - 1) / $2))
	dd if="$CBW_TMP/sentinel" of="$larger" bs=1M oflag=direct status=none
	cbw_create cbw "$origin" "$1" "$2" "$3"
	# The last sector, with what it has already: the origin stays as it is.
	dd if="$pit" of=/dev/mapper/cbw bs=512 skip=$((length - 1)) seek=$((length - 1)) oflag=direct status=none
	if [[ $3 == *paused* ]]; then
		assert_eq "$(cbw_field cbw progress) $(cbw_field cbw cbw)" "1/$chunks 1" "progress and saved chunks"
		dmsetup message cbw 0 resume
	fi
	cbw_wait cbw completed
	assert_eq "$(cbw_field cbw progress)" "$chunks/$chunks" progress
	dmsetup remove --retry cbw
	assert_same "$pit" "$1" $((length * 512))
	cmp <(tail -c +$((length * 512 + 1)) "$larger") <(tail -c +$((length * 512 + 1)) "$CBW_TMP/sentinel") ||
		fail "something was written behind the end, chunk size $2"
}

for chunk in 8 128 2048 2097152; do
	check "$larger" $chunk paused
	check /dev/mapper/equal $chunk "max_copy 2097152"
done
