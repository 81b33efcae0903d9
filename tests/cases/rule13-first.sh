#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# copy-before-write goes first: a write does not wait for the 64 copies that the sweep has queued
# clock: simulated
# timeout: 300
# shellcheck disable=SC2154 # the names are those of clock.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/clock.sh"

# The target takes one copy at a time; whoever comes next waits in the queues above it. An elevator would serve the
# sweep first, for the order of its sectors.
copy_ns=20000000
modelled_pair 1024 mbps=0 hw_queue_depth=1 completion_nsec=$copy_ns
echo none > /sys/block/target/queue/scheduler

hold_times() { # OFFSET: sets $longest and $mean of writes that come one at a time, ns
	fio --name=writes --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=1 --rw=write:60k --bs=4k \
		--offset="$1" --number_ios=15 --thinktime=1993ms --output-format=json > "$CBW_TMP/fio"
	longest=$(fio_ns clat_ns max)
	mean=$(fio_ns clat_ns mean)
	echo "held for $mean ns, $longest ns the longest: $(dmsetup status cbw)"
}

cbw_create cbw "$origin" "$target" 128 "max_copy 128 workers 64 paused"
hold_times 512m
((mean >= copy_ns)) || fail "the target is not as slow as it should be"
alone=$mean

dmsetup message cbw 0 resume
hold_times 640m
((mean <= alone + 2 * copy_ns)) || fail "writes were held for $mean ns beneath the sweep, $alone ns without it"
# The block layer has eight queues of those who wait for a free slot of a device, and serves them in turn.
((longest <= alone + 8 * copy_ns)) || fail "a write was held for $longest ns beneath the sweep, $alone ns without it"
