#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a polled write to a pending chunk is held as any other, and its poller waits for it
# needs: fio
. "$CBW_LIB"

need_module dm_cbw
origin=$(mk_null origin 16 poll_queues=2)
target=$(mk_null target 16)
dd if=/dev/urandom of="$origin" bs=1M count=16 oflag=direct status=none
cp "$origin" "$CBW_TMP/pit"
cbw_create cbw "$origin" "$target" 8 "sync none"
fio --name=polled --filename=/dev/mapper/cbw --direct=1 --ioengine=io_uring --hipri --iodepth=16 --rw=randwrite --bs=4k \
	--size=16m --randseed="$CBW_SEED" --buffer_pattern=0xff > "$CBW_TMP/fio" || fail "$(< "$CBW_TMP/fio")"
assert_eq "$(cbw_field cbw cbw)" 4096 "the number of chunks that were saved before a write"
assert_same "$CBW_TMP/pit" "$target"
dmsetup remove --retry cbw
assert_eq "$(tr -d '\377' < "$origin" | wc -c)" 0 "the number of bytes that were not written"
