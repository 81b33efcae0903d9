#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 10,000 held writes cost no more than the writes themselves, wait their turn for a few copies, and all complete
# timeout: 400
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

writes=10000 workers=4 cap=32

used_kib() { # by the kernel
	awk '{ kib[$1] = $2 }
		END { print kib["MemTotal:"] - kib["MemFree:"] - kib["Buffers:"] - kib["Cached:"] - kib["AnonPages:"] }' /proc/meminfo
}

slab_kib() {
	awk '/^Slab/ { print $2 }' /proc/meminfo
}

waiting() { # NAME: writes
	awk '{ print $2 }' "$(dm_sysfs "$1")/inflight"
}

all_wait() { # NAME
	(($(waiting "$1") == writes))
}

storm() { # NAME: sets $fio, and what it costs that the writes wait, in $used and $slab
	sleep 1
	used=$(used_kib) slab=$(slab_kib)
	fio --name=storm --filename="/dev/mapper/$1" --direct=1 --ioengine=libaio --iodepth=$writes --rw=randwrite --bs=4k \
		--number_ios=$writes --randseed="$CBW_SEED" --buffer_pattern=0xff > "$CBW_TMP/fio" 2>&1 &
	fio=$!
	retry 60 all_wait "$1" || fail "$(waiting "$1") writes wait, not $writes: $(< "$CBW_TMP/fio")"
	sleep 1
	used=$(($(used_kib) - used)) slab=$(($(slab_kib) - slab))
	echo "$writes writes wait on $1: $used KiB more are used, $slab KiB of them slab"
}

written() { # blocks of the origin that have the new content
	dd if="$origin" bs=1M iflag=direct status=none |
		python3 -c 'import sys; print(sum(block == b"\xff" * 4096 for block in iter(lambda: sys.stdin.buffer.read(4096), b"")))'
}

echo $((writes * 2)) > /proc/sys/fs/aio-max-nr
# Each processor keeps free pages, which count as used: since 6.7 as many as 40 MiB, were there no limit.
sysctl -q vm.percpu_pagelist_high_fraction=100000
fault_pair 64

# What the writes cost themselves: device-mapper's clones of them wait on a device that is suspended.
mk_linear lower "$origin" > /dev/null
mk_linear upper /dev/mapper/lower > /dev/null
dmsetup suspend --noflush --nolockfs lower
storm upper
own_used=$used own_slab=$slab
dmsetup resume lower
wait $fio
dmsetup remove upper
dmsetup remove lower
dd if="$pit" of="$origin" bs=1M oflag=direct status=none

hang target
cbw_create cbw "$origin" "$target" 8 "max_copy 8 workers $workers cbw_timeout 0"
storm cbw
assert_status held=$writes
# The waiter of a held write is part of device-mapper's clone. The copies have their pages and what kcopyd keeps of them.
bound=$((writes * 256 / 1024 + (cap + workers) * 16 + 2048))
((slab - own_slab <= bound)) || fail "$((slab - own_slab)) KiB of slab for $writes held writes, more than $bound"
# Each processor keeps some free pages even so.
bound=$((bound + 8192))
((used - own_used <= bound)) || fail "$((used - own_used)) KiB are used for $writes held writes, more than $bound"

slow target 5
first='' last=0 copies=0
until gone $fio; do
	status=$(dmsetup status cbw)
	read -r _ _ _ _ _ _ _ _ inflight held _ sweep _ <<< "$status"
	((inflight <= cap + workers)) || fail "more copies in flight than $cap of writes and $workers of the sweep: $status"
	((held == 0)) || first=${first:-$sweep} last=$sweep
	copies=$((inflight > copies ? inflight : copies))
	sleep 0.1
done
wait $fio || fail "the writers saw an error: $(< "$CBW_TMP/fio")"
((copies >= cap)) || fail "no more than $copies copies were in flight"
((last > first + 16)) || fail "the sweep went from $first to $last only while writes were held"

slow target 0
cbw_wait cbw completed
assert_status held=0 inflight=0
assert_same "$pit" "$target"
assert_eq "$(written)" $writes "blocks that were written"
