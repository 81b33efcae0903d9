#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# under a storm of held writes the sweep advances, and under the sweep the writes are finished first
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 32
slow target 20
cbw_create cbw "$origin" "$target" 8 "max_copy 8 cbw_timeout 0 paused"
fio --name=load --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=64 --rw=randwrite --bs=4k \
	--number_ios=3000 > "$CBW_TMP/fio" 2>&1 &
fio=$! first='' last=''
await_status held='[1-9]*'
dmsetup message cbw 0 resume
until gone $fio; do
	read -r _ _ _ _ _ _ _ _ _ held _ sweep _ <<< "$(dmsetup status cbw)"
	((held == 0)) || first=${first:-$sweep} last=$sweep
done
wait $fio || fail "the writers saw an error: $(< "$CBW_TMP/fio")"
((${last:-0} > ${first:-0} + 8)) || fail "the sweep went from '$first' to '$last' only"
