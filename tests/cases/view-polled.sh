#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# polled reads of the view are right, and come to an end for a write that waits for them
# needs: fio
. "$CBW_LIB"

fill() { # DEVICE BYTE
	head -c 16M /dev/zero | tr '\0' "$2" | dd of="$1" bs=64K iflag=fullblock oflag=direct status=none
}

need_module dm_cbw
origin=$(mk_null origin 16 poll_queues=2)
target=$(mk_null target 16 poll_queues=2)
fill "$origin" '\125'
cbw_create cbw "$origin" "$target" 8 "sync none on_cbw_error break-write"
say dmsetup create view --readonly --table "0 32768 cbw-snapshot $origin"
fio --name=polled --filename=/dev/mapper/view --readonly --direct=1 --ioengine=io_uring --hipri --iodepth=16 --rw=randread \
	--bs=4k --size=16m --loops=8 --randseed="$CBW_SEED" --verify=pattern --verify_pattern=0x55 > "$CBW_TMP/fio" 2>&1 &
reader=$!
fill /dev/mapper/cbw '\377'
wait $reader || fail "$(< "$CBW_TMP/fio")"
assert_status state=running cbw=4096 held=0
