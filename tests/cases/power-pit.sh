#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# needs: fio cbw-replay
# all writes that came before the point in time, done again from a log, give what the target device holds
. "$CBW_LIB"

#     fio
#      |           linear once the point in time has come:
#     top          dm-log-writes ends its log with what has not been flushed when its table goes
#      |
#     cbw          linear, then cbw
#      |    \
#   origin  target

need_module dm_cbw dm_log_writes
RANDOM=$CBW_SEED
image=$CBW_TMP/image
chunks=(8 32 128 512)
chunk=${chunks[RANDOM % 4]}
head -c 32M /dev/urandom > "$image"
origin=$(mk_null origin 32)
target=$(mk_null target 32)
mk_null log 1024 > /dev/null
dd if="$image" of="$origin" bs=1M oflag=direct status=none
mk_linear cbw "$origin" > /dev/null
say dmsetup create top --table "0 65536 log-writes /dev/mapper/cbw /dev/log"

before=$(awk '{ print $7 }' /sys/block/origin/stat)
# No two writes to the same place at a time: their order on the origin would be anybody's guess.
say fio --name=writes --filename=/dev/mapper/top --direct=1 --ioengine=libaio --iodepth=8 --serialize_overlap=1 \
	--rw=randwrite --bsrange=512-256k --blockalign=512 --randseed="$CBW_SEED" --rate=16m --time_based --runtime=600 > "$CBW_TMP/fio" &
fio=$!

written() { # SECTORS
	(($(awk '{ print $7 }' /sys/block/origin/stat) - before >= $1))
}

retry 60 written 8000 || fail "fio does not write"
sleep 0.$((RANDOM % 10))
say dmsetup load top --table "0 65536 linear /dev/mapper/cbw 0"
say dmsetup suspend top
[[ $(dmsetup status top) != *logging_disabled* ]] || fail "the log is not whole: $(dmsetup status top)"
say dmsetup load cbw --table "$(cbw_table "$origin" "$target" "$chunk" "speed 512")"
say dmsetup resume cbw
say dmsetup resume top

met_by_writes() {
	(($(cbw_field cbw cbw) >= 10))
}

retry 60 met_by_writes || fail "no write met a pending chunk: $(dmsetup status cbw)"
say dmsetup message cbw 0 speed 0
cbw_wait cbw completed
kill "$fio"
wait "$fio" || true
blockdev --flushbufs /dev/log
say cbw-replay apply /dev/log "$image" 0 999999999
assert_same "$target" "$image"
! cmp -s "$target" <(dd if="$origin" bs=1M iflag=direct status=none) || fail "the origin is still what it was"
