#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the sweep advances under a storm of held writes, also after one of its copies has failed
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# The sweep is slow, so that it is in the first 8 MiB all the time; the writes come behind that, and more of them wait
# than can be copied at once.
fault_pair 64
slow target 100
cbw_create cbw "$origin" "$target" 8 "max_copy 8 workers 64 cbw_timeout 0 on_source_error ignore speed 100"
fio --name=load --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=64 --rw=randwrite --bs=4k \
	--offset=8m --number_ios=6000 --randseed="$CBW_SEED" > "$CBW_TMP/fio" 2>&1 &
fio=$!
await_status held='[3-9][0-9]'
say reroute origin read /dev/mapper/origin-bad 0 16384
await_status source_errors='[1-9]*'
mend origin
first=$(cbw_field cbw sweep)
await_status held='[3-9][0-9]'
advanced() {
	(($(cbw_field cbw sweep) > first + 8))
}
retry 20 advanced || fail "the sweep goes on no more: $(dmsetup status cbw)"
gone $fio && fail "the storm was over before"
slow target 0
wait $fio || fail "the writers saw an error: $(< "$CBW_TMP/fio")"
assert_status state=running
