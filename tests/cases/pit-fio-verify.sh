#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# needs: fio
# a reader on the mapped device never sees wrong data while it is backed up
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 48
read_back() { # writes at random and reads all of it back, again and again
	while [[ ! -e $CBW_TMP/stop ]]; do
		fio --name=verify --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=16 --rw=randrw --bs=20k \
			--size=40m --verify=crc32c --verify_fatal=1 --randseed="$CBW_SEED" > "$CBW_TMP/fio" 2>&1 || return
	done
}

met_by_writes() {
	(($(cbw_field cbw cbw) >= 10))
}

read_back &
fio=$!
sleep 1
for chunk in 8 128 2048; do
	load "$chunk" "speed 1"
	resume
	retry 60 met_by_writes || fail "no write met a pending chunk: $(dmsetup status cbw)"
	dmsetup message cbw 0 speed 16384
	cbw_wait cbw completed
done
touch "$CBW_TMP/stop"
wait "$fio" || fail "fio: $(cat "$CBW_TMP/fio")"
