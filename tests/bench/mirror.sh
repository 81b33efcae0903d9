#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a mirror beside dm-mirror: the initial copy, and small writes when both devices are the same, in either copy mode
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2034,SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

CBW_JOB=mirror
writes=20480
need_module dm_cbw dm_mirror

mirror_table() { # CONTENDER [MODE or sectors of a region]
	case $1 in
	mirror) echo "0 $(dev_sectors "$origin") mirror core 1 ${2:-2048} 2 $origin 0 $target 0" ;;
	cbw) cbw_table "$origin" "$target" 128 "copy_mode $2" ;;
	esac
}

in_sync() { # CONTENDER
	case $1 in
	mirror) copied_all mirror ;;
	cbw) [[ $(cbw_field job state) == ready ]] ;;
	esac
}

write_all() { # ROW CONTENDER
	for depth in 16 1; do
		measure "$1-qd$depth" "$2" $depth --bs=4k --rw=randwrite --number_ios=$writes
	done
}

synchronize() { # ROW CONTENDER [MODE or sectors of a region]: sets $device
	local seconds
	device=$(mk_linear job "$origin")
	dmsetup load job --table "$(mirror_table "${@:2}")"
	seconds=$("$CBW_ROOT/tests/bench/copy-time" job "${events[$2]}")
	in_sync "$2" || fail "$2 has not copied everything: $(dmsetup status job)"
	record "$1-sync" "$2" mib_per_s "$(awk "BEGIN { print $mib / $seconds }")"
}

mirror_all() { # ROW CONTENDER [MODE]
	synchronize "$@"
	write_all "$1" "$2"
	remove_dm
}

# What LVM loads for a segment that pvmove moves; what it does between segments is left out.
move_segment() {
	synchronize mirror-pvmove mirror 4096
	remove_dm
}

for model in "${models[@]}"; do
	disks "$model" 2048
	mirror_all mirror-both mirror
	move_segment
	mirror_all mirror-both cbw write-blocking
	mirror_all mirror-behind cbw background
	device=$(mk_linear linear "$origin")
	write_all mirror-both linear
	remove_dm
done
