#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the engine with buffers: small and large writes that have chunks copied, with either release, the sweep, and a slow target device
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2034,SC2154 # the names are those of bench.sh, or are read there
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

writes=20480
need_module dm_cbw dm_snapshot dm_mirror

# No chunk is met twice. One peer does for both kinds of release.
small() { # CHUNK-KIB DEPTH
	local pattern=write:$(($1 - 4))k contender release
	(($1 > 4)) || pattern=randwrite
	for contender in snapshot saved safe; do
		CBW_FEATURES="engine buffered release $contender"
		release=$contender
		[[ $contender == snapshot ]] && release=saved || contender=cbw
		set_up $contender "$1"
		measure "buffered-$release-$1k-qd$2" $contender "$2" --bs=4k --rw="$pattern" --number_ios=$writes
		assert_eq "$(copied_chunks $contender "$1")" $writes "the number of chunks copied"
		remove_dm
	done
	cp "$(place "buffered-saved-$1k-qd$2" snapshot)" "$(place "buffered-safe-$1k-qd$2" snapshot)"
}

# What a copy takes: all that a write takes, less what it takes where nothing is copied.
cost() { # CHUNK-KIB
	set_up linear
	measure buffered-cost linear 16 --bs=4k --rw=write:$(($1 - 4))k --number_ios=$writes
	remove_dm
	record "buffered-cost-$1k" cbw ns "$(jq -s '.[0].jobs[0].write.iops as $with | .[1].jobs[0].write.iops as $without
		| 1e9 / $with - 1e9 / $without' "$(place "buffered-saved-$1k-qd16" cbw)" "$(place buffered-cost linear)")"
	rm "$(place buffered-cost linear)"
}

large() {
	local contender
	CBW_FEATURES="engine buffered"
	for contender in snapshot cbw; do
		set_up $contender 64
		measure buffered-1m $contender 16 --bs=1m --rw=write
		remove_dm
	done
	for contender in mirror cbw; do
		prepare_copy $contender
		sweep buffered-sweep $contender
		remove_dm
	done
}

# As many writes as the buffer has room for, and a target device as fast as the origin, or a tenth of that.
burst() { # CONTENDER MIB/S
	target=$(mk_null slow 4096 memory_backed=0 mbps="$2" irqmode=2 completion_nsec=80000)
	CBW_FEATURES="engine buffered release safe"
	set_up cbw 64
	measure buffered-burst "$1" 4 --bs=4k --rw=write:60k --number_ios=200
	remove_dm
	rmdir "$nulls/slow"
}

for model in "${models[@]}"; do
	disks "$model" 16384
	for kib in 4 64; do
		for depth in 16 1; do
			small $kib $depth
		done
	done
	[[ $model == modelled ]] || cost 64
	disks "$model" 3072
	large
done
burst fast 1000
burst cbw 100
