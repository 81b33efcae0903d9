#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a byte of a backup that has changed is found, by the checksums or beside the volume, and its range is named
# timeout: 600
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

differs() { # WANTED ARGUMENT...: exits with 1 and names exactly these ranges
	local status=0 output
	output=$(cbw verify "${@:2}" 2> "$CBW_TMP/said") || status=$?
	assert_eq "$status" 1 "exit status of verify ${*:2}"
	assert_eq "$output" "$1" "what verify ${*:2} finds"
	grep -q 'that differ' "$CBW_TMP/said" || fail "it says $(< "$CBW_TMP/said")"
}

spoil() { # OFFSET
	printf X | dd of="$image" bs=1 seek="$1" conv=notrunc status=none
}

make_vg vg0 32
lv=$(make_lv vg0/data 8)
# Zeroes at 5 MiB, so that an X there is new.
fill "$lv" 5
image=$CBW_TMP/image
say cbw backup vg0/data --to "$image" --checksum --quiet
say cbw verify "$image"
say cbw verify "$image" vg0/data

spoil $((5 * 1048576 + 1000))
differs 'bytes 5242880 to 6291455 differ' "$image"
differs 'bytes 5243392 to 5243903 differ' "$image" vg0/data
assert_eq "$(cbw verify --json "$image" vg0/data | json 'j["differences"][0]["offset"]')" 5243392 'offset as a number'
spoil $((6 * 1048576))
spoil $((8 * 1048576 - 1))
differs $'bytes 5242880 to 8388607 differ' "$image"
differs $'bytes 5243392 to 5243903 differ\nbytes 6291456 to 6291967 differ\nbytes 8388096 to 8388607 differ' "$image" vg0/data

sed -i 's/ 8388608$/ 8388609/' "$image.cbw.sums"
refused 'no checksums of a backup of that size' cbw verify "$image"
rm "$image.cbw.sums"
refused 'no checksums of .*image; name a device' cbw verify "$image"
