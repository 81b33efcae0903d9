#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a backup to a file is private and sparse, and one that finds no room says so and leaves nothing
# timeout: 600
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

allocated() { # FILE: MiB
	echo $(($(stat -c '%b * %B' "$1") / 1048576))
}

assert_no_loop() {
	retry 5 no_loop || fail "a loop device is left: $(losetup -a)"
}

no_loop() {
	[[ -z $(losetup -a) ]]
}

make_vg vg0 64
lv=$(make_lv vg0/data 24)
fill "$lv" 4
folder=$CBW_TMP/folder
make_store "$folder" 64

say cbw backup vg0/data --to "$folder/data.img" --quiet
assert_no_loop
assert_detached vg0-data
assert_eq "$(stat -c '%a %s' "$folder/data.img")" "600 $((24 * 1048576))" 'mode and size'
assert_same "$folder/data.img" "$lv"
(($(allocated "$folder/data.img") < 8)) || fail "it is not sparse: $(allocated "$folder/data.img") MiB"
refused 'holds the only complete backup of vg0/data; --overwrite' cbw backup vg0/data --to "$folder/data.img"
say cbw backup vg0/data --to "$folder/data.img" --overwrite --quiet
assert_same "$folder/data.img" "$lv"

say cbw backup vg0/data --to "$folder" --keep 1 --quiet
assert_eq "$(find "$folder" -name 'vg0-data-cbw-*Z.img' | wc -l)" 1 'images of the folder'
[[ ! -e $folder/data.img && ! -e $folder/data.img.cbw.json ]] || fail "the older image was not pruned"

# What is all zeroes is not written in the first place.
say cbw backup vg0/data --to "$folder/zeroes.img" --engine buffered --release safe --zeroes skip --quiet
assert_same "$folder/zeroes.img" "$lv"
(($(allocated "$folder/zeroes.img") < 8)) || fail "it is not sparse: $(allocated "$folder/zeroes.img") MiB"

# Full in the middle.
fill "$lv" 24
mkdir "$CBW_TMP/full"
mount -t tmpfs -o size=8m tmpfs "$CBW_TMP/full"
output=$(cbw backup vg0/data --to "$CBW_TMP/full/data.img" --quiet 2>&1) && fail "succeeded without room"
assert_eq "$(grep -vc warning <<< "$output")" 1 "number of sentences in '$output'"
grep -q "has failed: there is no room left where $CBW_TMP/full/data.img lies" <<< "$output" || fail "it says $output"
assert_eq "$(ls -A "$CBW_TMP/full")" '' 'what is left in the full folder'
assert_detached vg0-data
assert_no_loop
umount "$CBW_TMP/full"
