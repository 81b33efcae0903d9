#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# how small writes fare over time, while everything is copied beneath them
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

logs=/run/out/timeline
mkdir -p "$logs"
need_module dm_cbw dm_snapshot dm_mirror
into_memory dd

# A snapshot copies nothing in the background: whoever wants a backup reads it.
copy_snapshot() {
	local sectors
	sectors=$(dev_sectors "$origin")
	dmsetup load job --table "0 $sectors snapshot-origin $origin"
	dmsetup suspend job
	dmsetup create cow --table "0 $sectors snapshot $origin $target N 128"
	dmsetup resume job
	dd if=/dev/mapper/cow of="$backup" bs=1M iflag=direct oflag=direct
	dmsetup remove cow
}

copy_with() { # CONTENDER
	case $1 in
	linear) ;;
	snapshot) copy_snapshot ;;
	*) copy_all "$1" > /dev/null ;;
	esac
}

disks modelled 1024
# shellcheck disable=SC2086 # words are wanted
for contender in linear snapshot mirror cbw; do
	prepare_copy $contender
	start_measuring timeline $contender 4 --bs=4k --rw=randwrite --norandommap --time_based --runtime=4s \
		--log_avg_msec=20 --per_job_logs=0 --write_iops_log="$logs/$contender" --write_lat_log="$logs/$contender"
	sleep 0.5
	copy_with $contender
	wait "$fio"
	remove_dm
done
