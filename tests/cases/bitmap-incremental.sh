#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an incremental backup upon one with sync top is the point in time, but for what was left out and has not changed since; sync bitmap leaves the map alone
# timeout: 300
# needs: python3
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

track() {
	say dmsetup load cbw --table "0 $length cbw $origin - 64 track"
	say dmsetup resume cbw
}

changed() { # prints the generation, the chunk size and how many have changed
	dmsetup message cbw 0 changed
}

null_devices 24
track
start_writers --max 256K
stop_writers
start_writers --within 6M --max 256K
load 64 "sync top speed 32768"
resume
mk_view
take_image
cp "$image" "$CBW_TMP/image1"
# Every second half MiB, and what is written to meanwhile.
for ((start = 0; start + 1024 < length; start += 2048)); do
	echo "$start 1024"
	dmsetup message cbw 0 bitmap add "$start" 1024
done > "$CBW_TMP/list"
dmsetup message cbw 0 bitmap start
cbw_wait cbw completed
sleep 1
dmsetup remove view
based=$(changed)
[[ $based =~ ^[0-9a-f-]{36}\ 64\ [1-9] ]] || fail "$based"

# What was left out is not in the view of this one either, so the point in time is looked at before.
stop_writers
dd if=/dev/mapper/cbw of="$image" bs=512K iflag=direct status=none
load 64 "sync incremental speed 256"
resume
start_writers --within 6M --max 256K
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
(($(cbw_field cbw total) * chunk < length / 2)) || fail "as much as a full one: $(dmsetup status cbw)"
stop_writers
(($(cbw_field cbw cbw) > 0)) || fail "no write met a pending chunk: $(dmsetup status cbw)"
blockdev --flushbufs "$target"
python3 "${CBW_LIB%/*}/listed.py" follow "$CBW_TMP/image1" "$CBW_TMP/list" 64 "$image" "$target" > "$CBW_TMP/left" ||
	fail "the target device is wrong"
echo "chunks that were left out: $(< "$CBW_TMP/left")"
(($(< "$CBW_TMP/left") > 0)) || fail "nothing was left out"
check_newest

# One that does not complete gives back what it took; one with a list of any kind takes nothing.
based=$(changed)
[[ $based =~ ^[0-9a-f-]{36}\ 64\ [1-9] ]] || fail "$based"
load 64 "sync top"
say dmsetup resume cbw
[[ $(changed) =~ ^[0-9a-f-]{36}\ 64\ 0\ memory$ ]] || fail "the map was not taken: $(changed)"
dmsetup message cbw 0 cancel
assert_eq "$(changed)" "$based" "the map"
load 64 "sync bitmap"
say dmsetup resume cbw
assert_eq "$(changed)" "$based" "the map"
dmsetup message cbw 0 bitmap add 0 64
dmsetup message cbw 0 bitmap start
cbw_wait cbw completed
assert_eq "$(changed)" "$based" "the map"
load 64 "sync incremental"
say dmsetup resume cbw
cbw_wait cbw completed
