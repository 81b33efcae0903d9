#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# small writes, each of which has a chunk copied
# timeout: 3600
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

writes=20480
need_module dm_cbw dm_snapshot
load_clone

# No chunk is met twice. What is copied is counted, for both.
copying() { # CONTENDER CHUNK-KIB DEPTH
	local pattern=write:$(($2 - 4))k before
	(($2 > 4)) || pattern=randwrite
	set_up "$1" "$2"
	before=$(dev_writes "$target")
	measure "copying-$2k-qd$3" "$1" "$3" --bs=4k --rw="$pattern" --number_ios=$writes
	record "copying-$2k-qd$3-target" "$1" per_copy "$(awk "BEGIN { print ($(dev_writes "$target") - $before) / $writes }")"
	assert_eq "$(copied_chunks "$1" "$2")" $writes "the number of chunks copied"
	remove_dm
}

# What a copy takes: all that a write takes, less what it takes where nothing is copied.
cost() {
	set_up linear
	measure copying-none linear 16 --bs=4k --rw=write:60k --number_ios=$writes
	remove_dm
	record copying-64k-cost cbw ns "$(jq -s '.[0].jobs[0].write.iops as $with | .[1].jobs[0].write.iops as $without
		| 1e9 / $with - 1e9 / $without' "$(place copying-64k-qd16 cbw)" "$(place copying-none linear)")"
}

for model in "${models[@]}"; do
	disks "$model" 16384
	for kib in 4 16 64; do
		for depth in 16 1; do
			for contender in snapshot "${clone[@]}" kcopyd safe cbw; do
				# It does not copy what is overwritten whole.
				[[ $contender == clone ]] && ((kib == 4)) || copying "$contender" $kib $depth
			done
		done
	done
	[[ $model == modelled ]] || cost
done
