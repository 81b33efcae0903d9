#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# when the target device cannot flush its cache, no incremental backup builds upon it any more
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4 cache_size=1
need_module dm_cbw
sectors=$(dev_sectors "$origin")
track="0 $sectors cbw $origin - 8 track"
incremental="0 $sectors cbw $origin $target 8 backup 4 sync incremental bitmap_mode"

put() { # TABLE...
	dmsetup load cbw --table "$*"
	dmsetup resume cbw
}

say dmsetup create cbw --table "$track"
for mode in on-success never always; do
	mend target
	put "0 $sectors cbw $origin $target 128 backup 0"
	cbw_wait cbw completed
	dd if=/dev/zero of=/dev/mapper/cbw bs=4K count=1 oflag=direct status=none
	inject target flush
	put "$incremental" "$mode"
	await_status state=failed reason=target-error progress=1/1 inflight=0
	assert_eq "$(dmsetup message cbw 0 changed)" "- 8 1 memory" "the map, with bitmap_mode $mode,"
	mend target
	expect_fail 'Sync incremental needs a full backup since the tracking map began' dmsetup load cbw --table "$incremental $mode"
	put "$track"
	expect_fail 'Sync incremental needs a full backup since the tracking map began' dmsetup load cbw --table "$incremental $mode"
done
