#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the sweep gives way to reads and writes that take too long, but not below its minimum
# tier: long
# clock: simulated
# timeout: 600
# shellcheck disable=SC2154 # the names are those of clock.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/clock.sh"

use() { # SECONDS: reads and writes that need no copy
	fio --name=io --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=4 --rw=randrw --bs=4k --size=64m \
		--time_based --runtime="$1" --output-format=json > "$CBW_TMP/fio"
}

latency() { # SECONDS: sets $mean, ns, and $swept, chunks in that time
	local before
	before=$(cbw_field cbw sweep)
	use "$1"
	swept=$(($(cbw_field cbw sweep) - before))
	mean=$(fio_ns lat_ns mean)
	echo "mean $mean ns, $swept chunks swept; $(dmsetup status cbw)"
}

tell() {
	say dmsetup message cbw 0 "$@"
}

modelled_pair 65536
cbw_create cbw "$origin" "$target" 128 "paused max_copy 128 min_speed 20480"
# Nothing is pending where fio reads and writes.
dd if=/dev/zero of=/dev/mapper/cbw bs=1M count=64 oflag=direct status=none
latency 2
idle=$mean

tell resume
latency 2
((mean > idle * 3 / 2)) || fail "the sweep disturbs nobody: there is nothing to give way to"

tell target_latency $((idle * 5 / 4 / 1000))
latency 2
latency 5
((mean < idle * 27 / 20)) || fail "$mean ns, where $((idle * 5 / 4)) are wanted"
# 20 MiB/s are 320 chunks a second.
((swept > 1600)) || fail "the sweep has done less than its minimum"

# This cannot be had.
tell target_latency 1
use 30 &
sleep 5
keeps_limit 20480
kill %1
wait

tell target_latency 0
latency 2
((mean > idle * 3 / 2)) || fail "the sweep still gives way"
