#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 64 writes to one pending chunk at the same time: one write on the target device saves it
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

round() { # CHUNK
	local before
	before=$(dev_writes /dev/target0)
	hang target
	fio --name=writers --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=64 --rw=randwrite --bs=1k \
		--offset="$((64 * $1))k" --size=64k --randseed=$((CBW_SEED + $1)) > "$CBW_TMP/fio" 2>&1 &
	fio=$!
	await_status held=64
	unhang target
	ends_as ok $fio
	assert_eq $(($(dev_writes /dev/target0) - before)) 1 "writes on the target device"
	assert_pit "$target" "$1"
}

fault_pair 8
cbw_create cbw "$origin" "$target" 128 "paused"
for chunk in {1..6}; do
	round "$chunk"
done
assert_status cbw=6 held=0 inflight=0
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_same "$pit" "$target"
