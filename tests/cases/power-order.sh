#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# needs: fio cbw-replay
# in the log of both devices, each chunk is saved before it is overwritten, and all of it is flushed before completed
. "$CBW_LIB"

#     /dev/mapper/cbw
#        |        \
#     origin    target     dm-linear, the two halves of
#          \    /
#          both            dm-log-writes
#
# What the log can show is that a copy has ended before the write that it was made for has ended, not: before that was
# sent. The disk takes a while for everything, so a write that is sent too early would end before its copy, which needs
# two turns. The copy is not flushed before the write is let go, and need not be: a backup does not survive the power.

need_module dm_cbw dm_log_writes
RANDOM=$CBW_SEED
pit=$CBW_TMP/pit
chunks=(8 32 128 512)
chunk=${chunks[RANDOM % 4]} length=$((65536 - 8 * (1 + RANDOM % 15)))

head -c $((length * 512)) /dev/urandom > "$pit"
mk_null disk 64 discard=1 irqmode=2 completion_nsec=200000 > /dev/null
mk_null log 1024 > /dev/null
dd if="$pit" of=/dev/disk bs=1M oflag=direct status=none
say dmsetup create both --table "0 131072 log-writes /dev/disk /dev/log"
mk_linear origin /dev/mapper/both 0 "$length" > /dev/null
mk_linear target /dev/mapper/both "$length" > /dev/null
cbw_create cbw /dev/mapper/origin /dev/mapper/target "$chunk" "speed 64 max_copy 512 discard copy"

# The only one who flushes: two at a time would put the log out of order.
flush_often() {
	while [[ ! -e $CBW_TMP/stop ]]; do
		sync /dev/mapper/cbw
		sleep 0.1
	done
}

flush_often &
flusher=$!
say fio --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=8 --randseed="$CBW_SEED" --size=$((length * 512)) \
	--name=small --rw=randwrite --bsrange=512-16k --blockalign=512 --io_size=2m \
	--name=large --rw=randwrite --bsrange=64k-1m --blockalign=4k --io_size=8m \
	--name=trim --rw=randtrim --bs=32k --io_size=1m > "$CBW_TMP/fio" || fail "fio: $(cat "$CBW_TMP/fio")"
touch "$CBW_TMP/stop"
wait "$flusher"
say dmsetup message cbw 0 speed 0
cbw_wait cbw completed
say dmsetup message both 0 mark completed
[[ $(dmsetup status both) != *logging_disabled* ]] || fail "the log is not whole: $(dmsetup status both)"
echo "chunks of $chunk sectors: $(dmsetup status cbw)"
(($(cbw_field cbw cbw) > 0)) || fail "no write met a pending chunk"

for device in cbw origin target both; do
	dmsetup remove --retry "$device"
done
say cbw-replay order /dev/log "$pit" "$chunk"
