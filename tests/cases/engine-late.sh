#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# copies that waited for room in the buffer, or were only read, when their job ended are not made: the target device may be another's
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

reads() { # of the origin
	dev_stat /dev/origin0 | awk '{ print $1 }'
}

ends() { # COMMAND...: the job does by that, while two copies wait for the target device, and three for those
	local before had chunk
	cbw_create cbw "$origin" "$target" 128 "sync none engine buffered buf_size 128 cbw_timeout 10000"
	before=$(dev_writes /dev/target0)
	hang target
	for chunk in 3 9 15 21 27; do
		put "$chunk" &
	done
	await_status inflight=5
	had=$(reads)
	"$@"
	unhang target
	await_status inflight=0
	wait
	assert_eq $(($(dev_writes /dev/target0) - before)) 2 "the writes to the target device"
	assert_eq $(($(reads) - had)) 0 "the reads for nothing"
	assert_status target_errors=0 source_errors=0
	dmsetup remove --retry cbw
}

ends_late() { # COPIES WRITES COMMAND...: by that, before so many are made; no more than so many writes reach $slow afterwards
	local made writes
	"${@:3}"
	made=$(cbw_field cbw cbw)
	((made < $1)) || fail "this machine is too slow to end a job before $1 copies are made"
	await_status inflight=0
	wait
	writes=$(($(dev_writes "$slow") - before))
	((writes <= made + $2)) || fail "$writes writes to the target device, $made made"
	assert_status target_errors=0 source_errors=0
	dmsetup remove --retry cbw
}

ends_at_slow_target() { # TIMEOUT COMMAND...: likewise, while a copy is being written, and whoever submits the next one sleeps
	local before chunk
	cbw_create cbw "$origin" "$slow" 128 "sync none cbw_timeout $1"
	before=$(dev_writes "$slow")
	for chunk in {1..12}; do
		put "$chunk" &
	done
	retry 30 eval '(($(cbw_field cbw inflight) > 6))' || fail "the writes do not come"
	# One is being written and one waits for that; the rest has been read.
	ends_late 6 3 "${@:2}"
}

sweep_gives_way() { # TIMEOUT COMMAND...: likewise, while the sweep waits until copy-before-write has submitted the next one
	local before chunk
	cbw_create cbw "$origin" "$slow" 128 "sync full paused max_copy 128 workers 1 engine buffered cbw_timeout $1"
	before=$(dev_writes "$slow")
	for chunk in 40 45 50; do
		put "$chunk" &
	done
	await_status inflight=3
	say dmsetup message cbw 0 resume
	await_status inflight=4
	# What it has to read is in memory.
	sleep 0.5
	ends_late 2 2 "${@:2}"
}

fault_pair 4
ends dmsetup message cbw 0 cancel
ends await_status state=failed
slow=$(mk_null slow 4 hw_queue_depth=1 irqmode=2 completion_nsec=4000000000)
echo none > /sys/block/slow/queue/scheduler
ends_at_slow_target 60000 dmsetup message cbw 0 cancel
ends_at_slow_target 10000 await_status state=failed
sweep_gives_way 60000 dmsetup message cbw 0 cancel
