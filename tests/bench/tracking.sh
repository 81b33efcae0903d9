#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# small writes of a device whose changes are tracked: the first of each chunk, and later ones
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154,SC2034 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

writes=20480
need_module dm_cbw dm_era

# In memory, or on a metadata device that is like the others; dm-era has no other way.
track() { # CONTENDER memory|kept: sets $device
	local sectors features=0
	sectors=$(dev_sectors "$origin")
	device=/dev/mapper/$1
	dd if=/dev/zero of="$metadata" bs=4k count=1 oflag=direct status=none
	[[ $2 == memory ]] || features="2 metadata $metadata"
	case $1 in
	linear) mk_linear linear "$origin" > /dev/null ;;
	era) dmsetup create era --table "0 $sectors era $metadata $origin 128" ;;
	cbw) dmsetup create cbw --table "0 $sectors cbw $origin - 128 track $features" ;;
	esac
}

for model in "${models[@]}"; do
	disks "$model" 2048
	# shellcheck disable=SC2086 # words are wanted
	metadata=$(mk_null metadata 64 ${attributes[$model]})
	for depth in 16 1; do
		for place in memory kept; do
			for contender in linear era cbw; do
				[[ $contender == era && $place == memory ]] && continue
				track "$contender" $place
				for turn in first again; do
					measure "track-$place-$turn-qd$depth" "$contender" $depth --bs=4k --rw=write:60k --number_ios=$writes
				done
				remove_dm
			done
		done
	done
done
