#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writing zeroes over the whole device saves it first, in pieces of bounded size
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
# A loop device takes write-zeroes as such.
zeroes=$(mk_loop zeroes 64M)
mk_linear target64 "$(mk_null big 64)" > /dev/null
target=/dev/mapper/target64
dd if=/dev/urandom of="$zeroes" bs=1M count=64 oflag=direct status=none
cp "$zeroes" "$pit"

# Pieces of max_copy, which is 1 MiB; the copies of 32 are in flight.
pieces() { # CHUNK
	local queue pid inflight held
	cbw_create cbw "$zeroes" "$target" "$1" "sync none cbw_timeout 0"
	queue=$(dm_sysfs cbw)/queue
	(($(< "$queue/write_zeroes_max_bytes") >= 64 << 20)) || fail "the device does not take write-zeroes of that length"
	hang target64
	say fallocate --punch-hole --offset 0 --length $((64 << 20)) /dev/mapper/cbw &
	pid=$!
	await_status held=64 inflight=32
	unhang target64
	until gone $pid; do
		read -r _ _ _ _ _ _ _ _ inflight held _ <<< "$(dmsetup status cbw)"
		((inflight <= 32 && held <= 64)) || fail "$held pieces held, $inflight copies in flight"
	done
	wait $pid
	assert_status cbw=$((131072 / $1)) held=0 inflight=0
	assert_same "$pit" "$target"
	assert_same /dev/zero "$zeroes" $((64 << 20))
	dmsetup remove --retry cbw
}

pieces 128
dd if="$pit" of="$zeroes" bs=1M oflag=direct status=none
pieces 8
