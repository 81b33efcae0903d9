#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
# needs: fio cbw-replay python3
# whenever the power fails, the map on the metadata device has all that was written since the backup that it names
. "$CBW_LIB"

#     /dev/mapper/cbw
#        |      \        \
#     origin   target   metadata        origin and metadata are two parts of
#         \______________/
#               both                    dm-log-writes

need_module dm_cbw dm_log_writes
RANDOM=$CBW_SEED
backups=$CBW_TMP/backups image=$CBW_TMP/image
length=$((32768 - 8 * (1 + RANDOM % 15))) meta=1024
sizes=(8 16 128)
size=${sizes[RANDOM % 3]}
mkdir "$backups"

mk_null disk 17 discard=1 irqmode=2 completion_nsec=100000 > /dev/null
mk_null log 2048 > /dev/null
target=$(mk_null target 16)
head -c $((length * 512)) /dev/urandom | dd of=/dev/disk bs=1M oflag=direct iflag=fullblock status=none 2> /dev/null || true
dd if=/dev/disk of="$image" bs=1M iflag=direct status=none
say dmsetup create both --table "0 $(dev_sectors /dev/disk) log-writes /dev/disk /dev/log"
mk_linear origin /dev/mapper/both 0 "$length" > /dev/null
mk_linear metadata /dev/mapper/both "$length" "$meta" > /dev/null
say dmsetup create cbw --table "0 $length cbw /dev/mapper/origin - $size track 2 metadata /dev/mapper/metadata"

put() { # TABLE...
	dmsetup load cbw --table "$*"
	dmsetup resume --readahead=auto cbw
}

backup() { # SYNC ['FEATURE ARGUMENTS']
	local words="sync $1 metadata /dev/mapper/metadata speed 16384 ${2:-}"
	put "0 $length cbw /dev/mapper/origin $target 64 backup $(wc -w <<< "$words") $words"
}

# What is on the target device, by the name that the map has for it.
keep() {
	local generation
	generation=$(dmsetup message cbw 0 changed | cut -d' ' -f1)
	cbw_wait cbw completed
	dd if="$target" of="$backups/$generation" bs=1M iflag=direct status=none
	say dmsetup message both 0 mark "$generation"
}

# In small steps, some flushed, some not; the first sectors too, where the marks are. Each to a part of its own, and no two
# to the same place at a time: which of them the log has last would be anybody's guess.
start_writing() {
	local part=$((length / 4 / 128 * 128))
	fio --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --serialize_overlap=1 --randseed="$CBW_SEED" \
		--time_based --runtime=3600 --size=$((part * 512)) --rate_iops=40 \
		--name=first --rw=randwrite --bs=512 --size=128k --iodepth=4 --sync=1 \
		--name=plain --offset=$((part * 512)) --rw=randwrite --bsrange=512-16k --blockalign=512 --iodepth=8 \
		--name=synced --offset=$((part * 1024)) --rw=randwrite --bs=4k --iodepth=4 --sync=1 \
		--name=trim --offset=$((part * 1536)) --rw=randtrim --bs=32k --rate_iops=5 > "$CBW_TMP/fio" &
	fio=$!
}

# The same device is flushed by several: the log must be whole all the same.
start_writing
backup full
keep
for _ in 1 2 3 4; do
	if ((RANDOM % 2)); then
		put "0 $length cbw /dev/mapper/origin - $size track 2 metadata /dev/mapper/metadata"
		sleep 0.$((RANDOM % 10))
	fi
	if ((RANDOM % 2)); then
		backup incremental "bitmap_mode on-success"
		sleep 0.$((RANDOM % 10))
		# It may be complete by then.
		dmsetup message cbw 0 cancel || keep
		sleep 0.$((RANDOM % 10))
	fi
	backup incremental
	keep
	sleep 0.$((RANDOM % 10))
done
kill "$fio"
wait "$fio" || true
[[ $(dmsetup status both) != *logging_disabled* ]] || fail "the log is not whole: $(dmsetup status both)"
for device in cbw origin metadata both; do
	say dmsetup remove --retry "$device"
done
blockdev --flushbufs /dev/log
say cbw-replay tracked /dev/log "$image" "$length" "$backups" "${points:-300}" "$CBW_SEED"
