#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fifty jobs are created, written to and removed or replaced while their copies are in flight
# tier: long
# timeout: 400
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 16
slow target 10
for i in {1..50}; do
	cbw_create cbw "$origin" "$target" 8 "max_copy 8 workers 64"
	dd if=/dev/zero of=/dev/mapper/cbw bs=64k count=8 seek=$((i * 3)) oflag=direct status=none
	((i % 3)) || dmsetup wipe_table --nolockfs cbw
	((i % 5)) || dmsetup load cbw --table "0 32768 linear $origin 0"
	((i % 7)) || dmsetup resume cbw
	dmsetup remove --retry cbw
	((i % 10)) || unload_cbw
done
