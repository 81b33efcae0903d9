#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the message map says what has become of each part of the device, of every job, at any resolution, and waits for nothing
# timeout: 300
# needs: python3
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

known=$CBW_TMP/known

know() { # FATE START END: from now on, in sectors
	echo "$*" >> "$known"
}

know_all() { # [FATE]: of the device, and nothing else
	: > "$known"
	[[ -z ${1:-} ]] || know "$1" 0 "$length"
}

assert_map() { # [CELL]...
	python3 "${CBW_LIB%/*}/mapped.py" cbw "$length" "$known" "${@:-64}" || fail "the map is wrong: $(dmsetup status cbw)"
}

overwrite() { # START LENGTH: in sectors
	dd if=/dev/urandom of=/dev/mapper/cbw bs=512 seek="$1" count="$2" oflag=direct status=none
}

track() {
	say dmsetup load cbw --table "0 $length cbw $origin - $1 track"
	say dmsetup resume cbw
}

length=16353
origin=$(mk_null origin 8 discard=1)
mk_linear slow "$(mk_null target 8 discard=1)" > /dev/null
target=/dev/mapper/slow
mk_linear cbw "$origin" 0 "$length" > /dev/null

# The tracking map has chunks of its own size; the last one is short.
track 16
know_all
assert_map 1000
overwrite 100 1
overwrite 16352 1
know changed 96 112
know changed 16352 16353
assert_map 16 1000 16353 18446744073709551615

# Held: all is pending. Then what was not listed is excluded; what is written to is saved.
load 64 "sync bitmap paused"
say dmsetup resume cbw
know pending 0 "$length"
assert_map 64
overwrite 640 65
know saved 640 768
know changed 640 720
assert_map 5
dmsetup message cbw 0 bitmap add 4096 4096
dmsetup message cbw 0 bitmap add 16320 33
dmsetup message cbw 0 bitmap start
know excluded 0 640
know excluded 768 4096
know excluded 8192 16320
assert_map 16 1000
overwrite 5000 2
know saved 4992 5056
know changed 4992 5008
overwrite 9000 8
know changed 8992 9008
assert_map 77 16384

# Copies that hang are claimed, which is told all the same.
load 64 "speed 0 workers 2 max_copy 64 paused"
say dmsetup resume cbw
know_all pending
overwrite 16352 1
know saved 16320 16353
know changed 16352 16353
say dmsetup suspend --noflush slow
dmsetup message cbw 0 resume
await_status inflight=2
know claimed 0 128
with_deadline 20 assert_map 16 64
say dmsetup resume slow
cbw_wait cbw completed
know saved 0 "$length"
assert_map 64

# What has failed stays as it is; what it did not save has changed. A job that has taken nothing has nothing to give back.
load 64 paused
say dmsetup resume cbw
know_all pending
assert_map
overwrite 64 1
know saved 64 128
know changed 64 80
know changed 16352 16353
dmsetup message cbw 0 cancel
assert_map

# What a view has released.
load 64 "sync none"
say dmsetup resume cbw
know pending 0 "$length"
assert_map
say dmsetup create view --table "0 $length cbw-snapshot $origin 1 release"
overwrite 128 64
know saved 128 192
know changed 128 192
say blkdiscard --offset $((128 * 512)) --length $((512 * 512)) /dev/mapper/view
know released 128 640
assert_map 1000
say dmsetup remove view

# A mirror follows: what is written to is pending again.
CBW_JOB=mirror load 64
say dmsetup resume cbw
cbw_wait cbw ready
know_all saved
assert_map
dmsetup message cbw 0 pause
overwrite 320 1
know pending 320 384
know changed 320 336
assert_map 320
dmsetup message cbw 0 resume
cbw_wait cbw ready

# Of more chunks than one message looks at, what there is of a cell is told, and then the rest.
say dmsetup create huge --table "0 $((1 << 28)) zero"
say dmsetup create huge-target --table "0 $((1 << 28)) zero"
cbw_create huge-cbw /dev/mapper/huge /dev/mapper/huge-target 8 paused
assert_eq "$(dmsetup message huge-cbw 0 map 0 $((1 << 28)) | xargs)" \
	"0 $((1 << 27)) 0 $((1 << 27)) 0 0 0 0 next $((1 << 27))" "the first half"
assert_eq "$(dmsetup message huge-cbw 0 map $((1 << 27)) $((1 << 28)) | xargs)" \
	"$((1 << 27)) $((1 << 27)) 0 $((1 << 27)) 0 0 0 0" "the second half"
# What lies behind.
says_nothing dmsetup message huge-cbw 0 map $((1 << 28)) 1
