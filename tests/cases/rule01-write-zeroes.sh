#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writing zeroes over the whole device saves it first, in pieces of bounded size
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
# A loop device takes write-zeroes as such.
zeroes=$(mk_loop zeroes 64M)
target=$(mk_null big 64)
dd if=/dev/urandom of="$zeroes" bs=1M count=64 oflag=direct status=none
cp "$zeroes" "$pit"
pieces() { # CHUNK: the piece is max_copy, or less where the kernel cuts
	cbw_create cbw "$zeroes" "$target" "$1" "sync none cbw_timeout 0"
	queue=/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor --separator : cbw)/queue
	(($(< "$queue/write_zeroes_max_bytes") > 0)) || fail "the device does not take write-zeroes"
	say fallocate --punch-hole --offset 0 --length $((64 << 20)) /dev/mapper/cbw &
	pid=$!
	until gone $pid; do
		read -r _ _ _ _ _ _ _ _ inflight held _ <<< "$(dmsetup status cbw)"
		((inflight <= 8 && held <= 64)) || fail "$held pieces held, $inflight copies in flight"
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
