#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what a reader of the view discards is copied no more, cannot be read again, and costs no space on the target device
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

used_kib() { # of the target device
	sync "$CBW_TMP/target.img"
	du -k "$CBW_TMP/target.img" | cut -f1
}

overwrite() { # FIRST-CHUNK COUNT: of 64 KiB
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K seek="$1" count="$2" oflag=direct status=none
}

readable() { # FIRST-CHUNK COUNT
	cmp <(dd if=/dev/mapper/view bs=64K skip="$1" count="$2" iflag=direct status=none) \
		<(dd if="$image" bs=64K skip="$1" count="$2" status=none) || fail "chunks from $1 on are not what they were"
}

release() { # OFFSET LENGTH: in bytes
	say blkdiscard --offset "$1" --length "$2" /dev/mapper/view
}

need_module loop
length=32760
origin=$(mk_null origin 16 discard=1)
mk_linear cbw "$origin" 0 "$length" > /dev/null
cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED"
target=$(mk_loop target 16M)
load 128 "sync none"
resume
say dmsetup create view --table "0 $length cbw-snapshot $origin 1 release"
assert_eq "$(dmsetup table view)" "0 $length cbw-snapshot $(stat -c %Hr:%Lr "$origin") 1 release" "the table of the view"
image=$CBW_TMP/image
dd if=/dev/mapper/view of="$image" bs=512K iflag=direct status=none
expect_fail 'error' dd if=/dev/zero of=/dev/mapper/view bs=64K count=1 oflag=direct

# Pending chunks: whole ones only.
release $((64 * 1024 * 10 + 4096)) $((64 * 1024 * 4))
overwrite 10 5
assert_status cbw=2
readable 10 1
readable 14 1
no_read skip=11 count=1
no_read skip=13 count=1

# Saved chunks give their space back.
overwrite 100 100
assert_status cbw=102
readable 100 100
before=$(used_kib)
release $((64 * 1024 * 100)) $((64 * 1024 * 100))
freed=$((before - $(used_kib)))
((freed >= 64 * 98)) || fail "$freed KiB of $before were freed"
no_read skip=150 count=1
readable 99 1

# The last chunk is short, and whole all the same.
release $((64 * 1024 * 255)) $((length * 512 - 64 * 1024 * 255))
overwrite 255 1 2> /dev/null || true
assert_status cbw=102
no_read skip=255 count=1

# Only what nobody sweeps.
dmsetup remove view
to_linear
load 128 "speed 1"
resume
expect_fail 'sync none' dmsetup create view --table "0 $length cbw-snapshot $origin 1 release"
