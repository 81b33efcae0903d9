#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writes of 1 MiB that have everything copied; then reads and writes that need no copy
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw dm_snapshot
load_clone

for model in "${models[@]}"; do
	disks "$model" 2048
	for contender in raw linear snapshot "${clone[@]}" kcopyd cbw; do
		set_up "$contender" 64
		if [[ $contender == @(snapshot|kcopyd|cbw) ]]; then
			measure copying-1m "$contender" 16 --bs=1m --rw=write
			assert_eq "$(copied_chunks "$contender" 64)" $((mib * 16)) "the number of chunks copied"
		fi
		# Once all is copied it does not matter who has.
		[[ $contender != kcopyd ]] || { remove_dm && continue; }
		measure write-1m "$contender" 16 --bs=1m --rw=write --loops=4
		for depth in 16 1; do
			for kind in read write; do
				measure "$kind-4k-qd$depth" "$contender" $depth --bs=4k --rw=rand$kind --number_ios=40960
			done
		done
		remove_dm
	done
done
