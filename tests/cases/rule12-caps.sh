#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# hundreds of held writes have only a few copies in flight, wait their turn, and all complete
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 32
slow target 200
cbw_create cbw "$origin" "$target" 128 "max_copy 128 workers 4 cbw_timeout 0"
fio --name=load --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=256 --rw=write:60k --bs=4k \
	--number_ios=300 > "$CBW_TMP/fio" 2>&1 &
fio=$! most=0 copies=0
until gone $fio; do
	status=$(dmsetup status cbw)
	read -r _ _ _ _ _ _ _ _ inflight held _ <<< "$status"
	((inflight <= 8 + 4)) || fail "more copies in flight than 8 of writes and 4 of the sweep: $status"
	most=$((held > most ? held : most)) copies=$((inflight > copies ? inflight : copies))
	sleep 0.1
done
wait $fio || fail "the writers saw an error: $(< "$CBW_TMP/fio")"
((most >= 100)) || fail "no more than $most writes were held"
((copies >= 8)) || fail "no more than $copies copies were in flight"

slow target 0
cbw_wait cbw completed
assert_status held=0 inflight=0
assert_same "$pit" "$target"
