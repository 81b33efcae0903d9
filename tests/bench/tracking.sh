#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# small writes of a device whose changes are tracked: the first of each chunk, and later ones
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154,SC2034 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

writes=40960
# It holds data, and nobody asks much of it.
declare -A metadata_disk=([unlimited]="irqmode=0" [modelled]="mbps=1000 irqmode=2 completion_nsec=80000")
need_module dm_cbw dm_era raid1
mkdir "$CBW_TMP/records"

build_md() {
	mdadm --quiet --build "$device" --level=1 --raid-devices=2 --bitmap="$CBW_TMP/records/bitmap" --bitmap-chunk=64K \
		"$origin" missing
}

# In memory, or on a metadata device that is like the others; the peers have no other way. The bitmap of md is that of
# a mirror whose other half is missing, so that no bit is cleared, in a file on that device.
track() { # CONTENDER memory|kept: sets $device
	local sectors features=0
	sectors=$(dev_sectors "$origin")
	device=/dev/mapper/$1
	dd if=/dev/zero of="$metadata" bs=4k count=1 oflag=direct status=none
	[[ $2 == memory ]] || features="2 metadata $metadata"
	case $1 in
	linear) mk_linear linear "$origin" > /dev/null ;;
	era) dmsetup create era --table "0 $sectors era $metadata $origin 128" ;;
	md)
		mkfs.ext4 -q "$metadata" && mount "$metadata" "$CBW_TMP/records"
		device=/dev/md/cbw-peer
		# A new bitmap has all bits set, and none once the device has been stopped.
		build_md && mdadm --quiet --stop "$device" && build_md
		[[ $(mdadm -X "$CBW_TMP/records/bitmap") == *", 0 dirty "* ]] || fail "the bitmap of md is not clear"
		;;
	cbw) dmsetup create cbw --table "0 $sectors cbw $origin - 128 track $features" ;;
	esac
}

untrack() { # CONTENDER
	if [[ $1 == md ]]; then
		mdadm --quiet --stop "$device" && umount "$CBW_TMP/records"
	else
		remove_dm
	fi
}

for model in "${models[@]}"; do
	disks "$model" 3072
	# shellcheck disable=SC2086 # words are wanted
	metadata=$(mk_null metadata 64 ${metadata_disk[$model]})
	for depth in 16 1; do
		for place in memory kept; do
			for contender in linear era md cbw; do
				[[ $contender =~ ^(era|md)$ && $place == memory ]] && continue
				track "$contender" $place
				# Without the marks of an origin, which are in the first sectors.
				for turn in first again; do
					measure "track-$place-$turn-qd$depth" "$contender" $depth --offset=1m --bs=4k --rw=write:60k --number_ios=$writes
				done
				measure "track-$place-marked-qd$depth" "$contender" $depth --size=64k --bs=4k --rw=randwrite --io_size=2m
				untrack "$contender"
			done
		done
	done
done
