#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# first look: 4k writes on dm-linear, dm-snapshot and cbw while they copy
# timeout: 900
# clock: simulated
. "$CBW_LIB"

# To see the figures: tests/run --keep tests/bench/writes.sh. The disks take any data and give
# none, as fast as they can: what is measured is the cost of the software, in virtual nanoseconds.
origin=$(mk_null origin 16384 memory_backed=0 completion_nsec=0 irqmode=0)
target=$(mk_null target 16384 memory_backed=0 completion_nsec=0 irqmode=0)
need_module dm_cbw dm_snapshot

measure() { # LABEL DEVICE DEPTH FIO-OPTION...: no block is written twice
	local json
	json=$(fio --name=x --filename="$2" --direct=1 --ioengine=libaio --bs=4k --iodepth="$3" --output-format=json "${@:4}")
	python3 -c '
import json, sys
write = json.loads(sys.argv[2])["jobs"][0]["write"]
print("%-44s %9.0f IOPS %9.1f us mean" % (sys.argv[1], write["iops"], write["clat_ns"]["mean"] / 1000))' "$1" "$json"
}

one_per_chunk() { # CHUNK-KIB: fio options for one 4k write in each chunk
	if (($1 == 4)); then
		echo --rw=randwrite --io_size=200m
	else
		echo --rw="write:$(($1 - 4))k" --io_size=40m
	fi
}

for depth in 16 1; do
	mk_linear linear "$origin" > /dev/null
	measure "linear QD$depth" /dev/mapper/linear "$depth" --rw=randwrite --io_size=200m
	cbw_create cbw "$origin" "$target" 128 "sync none"
	dmsetup message cbw 0 cancel
	measure "cbw, nothing pending for it (cancelled) QD$depth" /dev/mapper/cbw "$depth" --rw=randwrite --io_size=200m
	dmsetup remove cbw
	dmsetup remove linear
	for kib in 64 4; do
		read -ra options <<< "$(one_per_chunk "$kib")"
		dmsetup create snap-origin --table "0 $(dev_sectors "$origin") snapshot-origin $origin"
		dmsetup suspend snap-origin
		dmsetup create snap --table "0 $(dev_sectors "$origin") snapshot $origin $target N $((kib * 2))"
		dmsetup resume snap-origin
		measure "snapshot N, $kib KiB chunks, copying, QD$depth" /dev/mapper/snap-origin "$depth" "${options[@]}"
		dmsetup remove snap
		dmsetup remove snap-origin

		cbw_create cbw "$origin" "$target" $((kib * 2)) "sync none"
		measure "cbw, $kib KiB chunks, copying, QD$depth" /dev/mapper/cbw "$depth" "${options[@]}"
		cbw_field cbw cbw
		dmsetup remove cbw
	done
done
