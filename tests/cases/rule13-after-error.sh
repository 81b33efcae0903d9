#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the sweep advances under a storm of held writes, also after one of its copies has failed
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# The sweep fails at the beginning. It is slow, so that enough is left for the storm.
fault_pair 32
slow target 20
inject origin read 0
cbw_create cbw "$origin" "$target" 8 "max_copy 8 workers 64 cbw_timeout 0 on_source_error ignore speed 400"
await_status source_errors='[1-9]*'
# Writes elsewhere, of which always more wait than can be copied at once.
fio --name=load --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=64 --rw=randwrite --bs=4k \
	--offset=8m --number_ios=1000 --randseed="$CBW_SEED" > "$CBW_TMP/fio" 2>&1 &
fio=$! first='' last=''
until gone $fio; do
	read -r _ _ _ _ _ _ _ _ _ held _ sweep _ <<< "$(dmsetup status cbw)"
	((held < 16)) || first=${first:-$sweep} last=$sweep
done
wait $fio || fail "the writers saw an error: $(< "$CBW_TMP/fio")"
assert_status state=running
((${last:-0} > ${first:-0} + 8)) || fail "the sweep went from '$first' to '$last' only"
mend origin
slow target 0
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
