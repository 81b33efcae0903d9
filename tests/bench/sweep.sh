#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# everything is copied in the background, on an idle device and beneath small reads and writes
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw dm_mirror

sweep() { # ROW CONTENDER
	local seconds
	seconds=$(copy_all "$2")
	record "$1" "$2" mib_per_s "$(awk "BEGIN { print $mib / $seconds }")"
}

# What fio says is of the time from the end of its ramp to its end by a signal.
sweep_busy() { # CONTENDER
	local fio
	start_measuring sweep-busy-io "$1" 16 --bs=4k --rw=randrw --norandommap --time_based --runtime=1h --ramp_time=200ms
	sleep 0.19
	sweep sweep-busy "$1"
	kill -TERM "$fio"
	wait "$fio" || true
}

for model in "${models[@]}"; do
	mib=1024
	[[ $model != modelled ]] || mib=4096
	disks "$model" $mib
	for contender in mirror cbw; do
		prepare_copy $contender
		sweep sweep $contender
		remove_dm
	done
	disks "$model" 1024
	mib=1024
	for contender in mirror cbw; do
		prepare_copy $contender
		sweep_busy $contender
		remove_dm
	done
done
