#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a mirror copies all, what has changed since a backup, what user space lists, or only what is written from now on
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

put() { # CHUNK
	dd if=/dev/urandom of=/dev/mapper/cbw bs=4k count=1 seek=$(($1 * 16)) oflag=direct status=none
}

resumed() { # TABLE
	say dmsetup load cbw --table "$1"
	say dmsetup resume cbw
}

length=$((4 << 11))
origin=$(mk_null origin 4)
target=$(mk_null target 4)
behind > "$CBW_TMP/behind"
dd if=/dev/urandom of="$origin" bs=1M count=4 oflag=direct status=none

# They are the same, and the mirror is told so.
dd if="$origin" of="$target" bs=1M oflag=direct status=none
mk_linear cbw "$origin" 0 "$length" > /dev/null
mirror 128 "sync none"
assert_status progress=0/0
put 3
await_status progress=1/1
say dmsetup suspend cbw
assert_mirrored
say dmsetup resume cbw

# What has changed since a backup onto the same device.
resumed "0 $length cbw $origin - 128 track"
resumed "0 $length cbw $origin $target 128 backup"
cbw_wait cbw completed
put 5
put 6
mirror 128 "sync incremental copy_mode write-blocking"
assert_status progress=2/2 reason=synced
put 7
say dmsetup message cbw 0 complete
say dmsetup suspend cbw
assert_status state=completed
assert_mirrored
say dmsetup resume cbw
assert_eq "$(dmsetup message cbw 0 changed | cut -d' ' -f3)" 1 "chunks that have changed since the mirror began"

# What is listed, and what is written to, listed or not.
load 128 "sync top"
resume
assert_status state=paused reason=held
dmsetup message cbw 0 bitmap add 0 1024
put 30
dmsetup message cbw 0 bitmap remove 0 "$length"
dmsetup message cbw 0 bitmap add 0 1024
say dmsetup message cbw 0 bitmap start
cbw_wait cbw ready
assert_status progress=9/9
say dmsetup suspend cbw
assert_mirrored
