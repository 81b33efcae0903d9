#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tracking map names what was written since the last backup, goes on from table to table, and ends with the last of them
. "$CBW_LIB"

need_module dm_cbw
origin=$(mk_null origin 16 discard=1)
target=$(mk_null target 16)
sectors=$(dev_sectors "$origin")
mk_linear cbw "$origin" > /dev/null

put() { # TABLE...
	dmsetup load cbw --table "$*"
	dmsetup resume cbw
}

track() { # [CHUNK [LENGTH]]
	put "0 ${2:-$sectors} cbw $origin - ${1:-128} track"
}

summary() { # prints the generation, the chunk size and how many have changed
	dmsetup message cbw 0 changed
}

generation() {
	summary | cut -d' ' -f1
}

ranges() { # prints all, as many messages as it takes
	local from=0 first second
	while [[ $from ]]; do
		dmsetup message cbw 0 changed "$from" > "$CBW_TMP/ranges"
		from=
		while read -r first second; do
			if [[ $first == next ]]; then
				from=$second
			else
				echo "$first+$second"
			fi
		done < "$CBW_TMP/ranges"
	done
}

assert_ranges() { # [RANGE]...
	assert_eq "$(ranges | xargs)" "$*" "what has changed"
}

write() { # OFFSET LENGTH, in sectors
	dd if=/dev/zero of=/dev/mapper/cbw bs=512 seek="$1" count="$2" oflag=direct status=none
}

# What is below is no more than a dependency.
track 128 $((sectors - 5))
put "0 $((sectors - 5)) cbw $origin - 128 track 2 below $target"
assert_eq "$(dmsetup table cbw | cut -d' ' -f4-)" "$(stat -Lc '%Hr:%Lr' "$origin") - 128 track 2 below $(stat -Lc '%Hr:%Lr' "$target")" table
[[ $(dmsetup deps -o blkdevname cbw) == *"(${target##*/})"* || $(dmsetup deps cbw) == "2 dependencies"* ]] || fail "$(dmsetup deps cbw)"

# Only what changes something counts, and whole chunks; the last one is short.
track 128 $((sectors - 5))
assert_eq "$(dmsetup table cbw)" "0 $((sectors - 5)) cbw $(stat -Lc '%Hr:%Lr' "$origin") - 128 track 0" table
assert_eq "$(dmsetup status cbw)" "0 $((sectors - 5)) cbw tracking track - 128 0/0 0 0 0 0 0 0 -" status
assert_eq "$(summary)" "- 128 0 memory" "the map"
dd if=/dev/mapper/cbw of=/dev/null bs=1M status=none
sync
assert_ranges
write 130 1
write 500 20
assert_ranges 128+128 384+256
write $((sectors - 6)) 1
assert_ranges 128+128 384+256 $((sectors - 128))+123
blkdiscard --offset $((1024 * 512)) --length $((256 * 512)) /dev/mapper/cbw
blkdiscard --zeroout --offset $((2048 * 512)) --length 512 /dev/mapper/cbw
assert_ranges 128+128 384+256 1024+256 2048+128 $((sectors - 128))+123
dmsetup message cbw 0 changed 600 | grep -qx "600 40" || fail "from the middle of a range"
[[ $(summary) == *" 128 7 memory" ]] || fail "$(summary)"
expect_fail 'Invalid argument' dmsetup message cbw 0 changed x
expect_fail 'Invalid argument' dmsetup message cbw 0 pause

# It goes on in the next table, in a job of other chunks, and past a job that takes nothing.
track 128 $((sectors - 5))
put "0 $((sectors - 5)) cbw $origin $target 8 backup 2 sync none"
write 4096 1
assert_ranges 128+128 384+256 1024+256 2048+128 4096+128 $((sectors - 128))+123

# Another chunk size, or length, is another map.
track 256 $((sectors - 5))
assert_ranges
track 8
assert_ranges

# More ranges than one message tells.
for ((i = 0; i < 2048; i++)); do
	echo "write $((i * 8192)) 512"
done > "$CBW_TMP/list"
{ echo 'fio version 2 iolog'; echo '/dev/mapper/cbw add'; echo '/dev/mapper/cbw open'; sed 's|^|/dev/mapper/cbw |' "$CBW_TMP/list"; } > "$CBW_TMP/iolog"
fio --name=alternate --read_iolog="$CBW_TMP/iolog" --direct=1 --ioengine=psync > /dev/null
assert_eq "$(ranges | wc -l)" 2048 "ranges"
assert_eq "$(ranges | cut -d+ -f2 | sort -u)" 8 "length of them"
write 0 "$sectors"
assert_ranges 0+"$sectors"

refused() { # REASON LENGTH
	expect_fail "Sync incremental needs a $1" dmsetup load cbw --table "0 $2 cbw $origin $target 8 backup 2 sync incremental"
}

# A full backup begins anew; with bitmap_mode never it does not, nor if it ends before its time.
put "0 $sectors cbw $origin $target 128 backup 2 bitmap_mode never"
cbw_wait cbw completed
assert_eq "$(summary)" "- 8 4096 memory" "the map"
refused 'full backup since the tracking map began' "$sectors"
put "0 $sectors cbw $origin $target 128 backup 1 paused"
[[ $(summary) =~ ^[0-9a-f-]{36}\ 8\ 0\ memory$ ]] || fail "$(summary)"
write 80 8
assert_ranges 80+8
# It could follow this one, which does not come to its end.
put "0 $sectors cbw $origin $target 8 backup 2 sync incremental"
assert_eq "$(cbw_field cbw state) $(cbw_field cbw reason)" "failed no-map" "state and reason"
assert_eq "$(summary)" "- 8 4096 memory" "the map"
put "0 $sectors cbw $origin $target 128 backup 1 paused"
dmsetup message cbw 0 cancel
assert_eq "$(summary)" "- 8 4096 memory" "the map"
put "0 $sectors cbw $origin $target 128 backup 0"
cbw_wait cbw completed
assert_ranges
write 16 1
now=$(generation)

# Whatever becomes of it in the map.
taken_is() { # START LENGTH...
	assert_eq "$(dmsetup message cbw 0 taken 0 | xargs)" "$*" "what the job has taken"
}

# An incremental one copies what is in the map. What a failed one was to save is in it again, whole or as far as it has not come.
write 4096 4
for mode in never on-success always; do
	put "0 $sectors cbw $origin $target 8 backup 5 sync incremental bitmap_mode $mode paused"
	assert_eq "$(cbw_field cbw "done")/$(cbw_field cbw total)" 0/2 "done and total"
	write 16 8
	write 1600 8
	assert_eq "$(cbw_field cbw "done")/$(cbw_field cbw total)" 1/2 "done and total"
	dmsetup message cbw 0 cancel
	assert_ranges 16+8 1600+8 4096+8
	taken_is 16 8 4096 8
	if [[ $mode == always ]]; then
		[[ $(generation) != "$now" ]] || fail "the same generation, of which not all is there"
	else
		assert_eq "$(generation)" "$now" generation
	fi
	put "0 $sectors cbw $origin $target 8 backup 2 sync incremental"
	cbw_wait cbw completed
	assert_eq "$(cbw_field cbw total)" 3 total
	assert_ranges
	taken_is 16 8 1600 8 4096 8
	now=$(generation)
	write 16 1
	write 4096 4
done
put "0 $sectors cbw $origin $target 8 backup 4 sync incremental bitmap_mode never"
cbw_wait cbw completed
assert_ranges 16+8 4096+8
assert_eq "$(generation)" "$now" generation
# Without a write in between, only what was not saved is left.
put "0 $sectors cbw $origin $target 8 backup 8 sync incremental bitmap_mode always max_copy 8 speed 1"
await_status sweep=1
dmsetup message cbw 0 cancel
assert_ranges 4096+8
track 8
assert_ranges 4096+8

expect_fail 'Invalid argument' dmsetup message cbw 0 taken 0

# It ends when a table comes that does not have it.
put "0 $sectors linear $origin 0"
expect_fail 'Invalid argument|not supported|No such' dmsetup message cbw 0 changed
refused 'tracking map of this length' "$sectors"
track 8
assert_ranges
refused 'full backup since the tracking map began' "$sectors"
put "0 $sectors cbw $origin $target 8 backup 0"
cbw_wait cbw completed
refused 'tracking map of this length' $((sectors - 8))
put "0 $sectors cbw $origin $target 8 backup 2 sync incremental"
# Nothing to do is done at once.
cbw_wait cbw completed
assert_eq "$(cbw_field cbw "done")/$(cbw_field cbw total)" 0/0 "done and total"
# An untracked table, too, is none that has it.
put "0 $((sectors - 8)) cbw $origin $target 8 backup 2 sync none"
assert_eq "$(summary)" "- 0 0 -" "what is known without a map"
track 8
assert_ranges
refused 'full backup since the tracking map began' "$sectors"
