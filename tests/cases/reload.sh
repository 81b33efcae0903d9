#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# every table that is resumed starts a new job with a new point in time, and ends the one before
# tier: core
# timeout: 240
. "$CBW_LIB"

origin=$(mk_null origin 16)
target=$(mk_null target 16)
sectors=$(dev_sectors "$origin")

write() { # MIB SEEK: new content, a part of the device
	dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count="$1" seek="$2" oflag=direct status=none
}

load() { # TABLE
	say dmsetup load cbw --table "$1"
}

cancelled() { # REASON TIMES: so often the log says so
	retry 5 eval "[[ \$(klog | grep -cE 'backup cancelled \($1\)') == $2 ]]" || fail "not $2 times cancelled ($1) in the log"
}

resume() { # CHUNKS: a new job, behind it a point in time that we know
	blockdev --flushbufs /dev/mapper/cbw
	dd if=/dev/mapper/cbw of="$CBW_TMP/pit" bs=1M iflag=direct status=none
	say dmsetup resume cbw
	assert_eq "$(cbw_field cbw state)" running state
	assert_eq "$(cbw_field cbw total)" "$1" total
	assert_eq "$(cbw_field cbw cbw)" 0 "chunks by copy-before-write"
	# At this speed it has not come further than one copy.
	(($(cbw_field cbw "done") <= $1 / 16)) || fail "progress is not fresh: $(dmsetup status cbw)"
	write 2 3
}

completes() {
	dmsetup message cbw 0 speed 0
	cbw_wait cbw completed
	assert_same "$CBW_TMP/pit" "$target"
}

# The same line again.
cbw_create cbw "$origin" "$target" 128 "max_copy 128 workers 4 speed 1"
write 4 0
load "$(dmsetup table cbw)"
write 4 2
cancelled table-replaced 0
resume 256
cancelled table-replaced 1

# Another chunk size, and another again.
load "$(cbw_table "$origin" "$target" 16 "max_copy 128 speed 1")"
write 2 5
resume 2048
cancelled table-replaced 2
load "$(cbw_table "$origin" "$target" 2048 "speed 1")"
resume 16
cancelled table-replaced 3
completes

# A job that has completed is not cancelled.
load "$(cbw_table "$origin" "$target" 128 "max_copy 128 speed 1")"
write 1 0
resume 256
cancelled table-replaced 3

# A table that is loaded and goes again leaves the live job alone.
before=$(dmsetup table cbw)
load "$(cbw_table "$origin" "$target" 16)"
load "$(cbw_table "$origin" "$target" 32)"
[[ $(dmsetup status --inactive cbw) == *" paused "*" 32 0/1024 "*" new" ]] || fail "$(dmsetup status --inactive cbw)"
dmsetup clear cbw
assert_eq "$(dmsetup table cbw)" "$before" "table"
assert_eq "$(cbw_field cbw state)" running state
write 1 8
completes
cancelled table-replaced 3

# To linear in the middle, and back.
load "$(cbw_table "$origin" "$target" 128 "max_copy 128 speed 1")"
resume 256
load "0 $sectors linear $origin 0"
dmsetup resume cbw
retry 5 eval "[[ \$(klog | grep -cE 'backup cancelled') == 4 ]]" || fail "the job that linear replaced is not in the log"
write 3 6
load "$(cbw_table "$origin" "$target" 128 "max_copy 128 speed 1")"
resume 256
completes
