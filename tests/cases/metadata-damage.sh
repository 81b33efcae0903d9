#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what is on a metadata device and is not right is refused, or the map begins anew and says why
. "$CBW_LIB"

need_module dm_cbw
origin=$(mk_null origin 320)
target=$(mk_null target 320)
metadata=$(mk_null metadata 1)
image=$CBW_TMP/metadata
sectors=$(dev_sectors "$origin")
track="0 $sectors cbw $origin - 8 track 2 metadata $metadata"
dd if=/dev/urandom of="$origin" bs=1M count=4 oflag=direct status=none

generation() {
	dmsetup message cbw 0 changed | cut -d' ' -f1
}

refused() { # MESSAGE [TABLE]
	expect_fail "$1" dmsetup create cbw --table "${2:-$track}"
	[[ ! -e /dev/mapper/cbw ]] || fail "left behind"
}

restore() {
	dd if="$image" of="$metadata" bs=64k oflag=direct status=none
}

put() { # BYTE-OFFSET: four bytes that were something else
	printf '\x5a\xa5\x5a\xa5' | dd of="$metadata" bs=1 seek="$1" conv=notrunc status=none
	blockdev --flushbufs "$metadata"
}

begins_anew() { # REASON
	klog_anew
	say dmsetup create cbw --table "$track"
	assert_eq "$(dmsetup message cbw 0 changed)" "- 8 0 durable" "the map"
	klog_expect "begins anew: $1"
	dmsetup remove --retry cbw
	restore
}

# --- not ours ----------------------------------------------------------------------------------------------------

mkfs.ext4 -q -b 1024 "$metadata"
dd if=/dev/urandom of="$metadata" bs=512 count=1 oflag=direct status=none
refused 'Metadata device holds something else: zero its first 4 KiB'
dd if=/dev/zero of="$metadata" bs=4k count=1 oflag=direct status=none
small=$(mk_null small 1)
mk_linear little "$small" 0 31 > /dev/null
refused 'Metadata device is too small' "0 $sectors cbw $origin - 8 track 2 metadata /dev/mapper/little"
klog_expect 'a metadata device of 16 KiB is needed'
dmsetup remove little
mk_linear little "$small" 0 32 > /dev/null
say dmsetup create cbw --table "0 $sectors cbw $origin - 8 track 2 metadata /dev/mapper/little"
dmsetup remove --retry cbw
dmsetup remove little

# --- two at a time ---------------------------------------------------------------------------------------------

say dmsetup create cbw --table "$track"
expect_fail 'Metadata device is in use by another cbw job' dmsetup create other --table "0 $(dev_sectors "$target") cbw $target - 8 track 2 metadata $metadata"
# A map that is kept is not lost by mistake.
expect_fail 'has a metadata device: the table must name it' dmsetup load cbw --table "0 $sectors cbw $origin - 8 track 0"
expect_fail 'has a metadata device: the table must name it' dmsetup load cbw --table "0 $sectors cbw $origin $target 8 backup 0"
dmsetup load cbw --table "0 $sectors cbw $origin $target 128 backup 2 metadata $metadata"
dmsetup resume cbw
cbw_wait cbw completed
now=$(generation)
# In the first block of bits and in the last.
for sector in 800 400000 $((sectors - 1)); do
	dd if=/dev/urandom of=/dev/mapper/cbw bs=512 seek="$sector" count=1 oflag=direct status=none
done
dmsetup remove --retry cbw
dd if="$metadata" of="$image" bs=64k iflag=direct status=none

# --- ours, but not whole ---------------------------------------------------------------------------------------

refused 'Metadata of another length or chunk size: zero the first 4 KiB of the device' \
	"0 $sectors cbw $origin - 16 track 2 metadata $metadata"
refused 'Metadata of another length or chunk size: zero the first 4 KiB of the device' \
	"0 $((sectors - 8)) cbw $origin - 8 track 2 metadata $metadata"
for offset in 0 24 40 88 96 508; do
	put $offset
	begins_anew 'it is damaged'
done
for offset in 4096 4104 4607 $((3 * 4096 - 512 * 3)); do
	put $offset
	begins_anew 'it is damaged'
done
# A record of another place, and a whole map of another time: its blocks, but not its superblock.
dd if="$metadata" of="$metadata" bs=512 skip=8 seek=9 count=1 conv=notrunc status=none
blockdev --flushbufs "$metadata"
begins_anew 'it is damaged'
say dmsetup create cbw --table "$track"
assert_eq "$(generation)" "$now" generation
assert_eq "$(dmsetup message cbw 0 changed 0 | cut -d' ' -f1 | xargs)" "800 400000 $((sectors - 8))" "what has changed"
# Written behind the back of a table that waits: what it has read is old.
say dmsetup load cbw --table "0 $sectors linear $origin 0"
say dmsetup resume cbw
restore
say dmsetup load cbw --table "$track"
dd if=/dev/urandom of="$CBW_TMP/noise" bs=4k count=1 status=none
put 200
say dmsetup resume cbw
assert_eq "$(dmsetup message cbw 0 changed)" "- 8 0 durable" "the map"
klog_expect 'begins anew: it was written by others since the table was loaded'
dmsetup remove --retry cbw
# What begins anew leaves nothing of the old map that could be taken for its own.
"$CBW_ROOT/tests/oracle/metadata.py" "$metadata" | grep -qx -- "- closed 8 0" || fail "$("$CBW_ROOT/tests/oracle/metadata.py" "$metadata")"
