#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# small writes that the page cache keeps back until it is told to sync; each has a chunk copied
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

writes=20480
need_module dm_cbw dm_snapshot

for model in "${models[@]}"; do
	disks "$model" 2048
	for contender in linear snapshot kcopyd cbw; do
		set_up "$contender" 64
		measure writeback "$contender" 1 --direct=0 --ioengine=psync --bs=4k --rw=write:60k --fsync=1024 --number_ios=$writes
		[[ $contender == linear ]] || assert_eq "$(copied_chunks "$contender" 64)" $writes "the number of chunks copied"
		remove_dm
	done
done
