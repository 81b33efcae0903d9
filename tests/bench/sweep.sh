#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# everything is copied in the background, on an idle device and beneath small reads and writes
# timeout: 3600
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw dm_mirror
load_clone

# MiB: as many as the figure takes to settle.
declare -A alone=([unlimited]=1024 [modelled]=4096)

for model in "${models[@]}"; do
	disks "$model" "${alone[$model]}"
	for contender in mirror "${clone[@]}" kcopyd cbw; do
		prepare_copy "$contender"
		sweep sweep "$contender"
		remove_dm
	done
	# dm-clone copies only while there is no other I/O, and would not come to its end.
	disks "$model" 1024
	for contender in mirror kcopyd cbw; do
		prepare_copy $contender
		sweep_busy sweep-busy $contender
		remove_dm
	done
done
