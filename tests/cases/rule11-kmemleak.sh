#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the module comes and goes with jobs of every end, and nothing that it had allocated is without an owner
# tier: long
# kernel: debug
# boot: kmemleak=on acpi=off
# timeout: 900
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

kmemleak=/sys/kernel/debug/kmemleak

# What was found for want of a reference is looked at once more: it may have been on its way between two.
scan() {
	sleep 6
	echo scan > $kmemleak
	sleep 1
	echo scan > $kmemleak
}

# After its module has gone, an allocation's trace tells addresses only: so all that are new count.
no_orphans() {
	scan
	cat $kmemleak > "$CBW_TMP/orphans"
	[[ ! -s $CBW_TMP/orphans ]] || fail "memory without an owner: $(head -n 60 "$CBW_TMP/orphans")"
}

ends_well() {
	cbw_create cbw "$origin" "$target" 8 "workers 3"
	cbw_wait cbw completed
	dmsetup remove --retry cbw
}

ends_early() {
	cbw_create cbw "$origin" "$target" 8 "speed 64"
	put 20
	dmsetup message cbw 0 cancel
	dmsetup remove --retry cbw
	cbw_create cbw "$origin" "$target" 8 "sync none"
	put 3
	dmsetup remove --retry cbw
}

ends_badly() {
	cbw_create cbw "$origin" "$target" 8
	dmsetup suspend cbw
	dmsetup wipe_table --nolockfs cbw
	dmsetup remove --retry cbw
	expect_fail 'Feature speed' dmsetup create cbw --table "$(cbw_table "$origin" "$target" 8 "speed many")"
	expect_fail 'the target device' dmsetup create cbw --table "$(cbw_table "$origin" /dev/none 8 "speed 5")"
}

views() {
	cbw_create cbw "$origin" "$target" 8 "sync none"
	dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"
	put 5
	dd if=/dev/mapper/view of=/dev/null bs=64k count=8 iflag=direct status=none
	dmsetup remove --retry view
	dmsetup remove --retry cbw
}

mirrors() {
	CBW_JOB=mirror cbw_create cbw "$origin" "$target" 8 "copy_mode write-blocking"
	await_status state=ready
	put 6
	dmsetup remove --retry cbw
}

tracks() {
	dmsetup create cbw --table "0 8192 cbw $origin - 8 track 2 metadata $metadata"
	put 7
	dmsetup message cbw 0 changed 0 > /dev/null
	dmsetup remove --retry cbw
}

[[ -w $kmemleak ]] && echo clear > $kmemleak || skip "this kernel does not look for memory without an owner"
fault_pair 4
metadata=$(mk_null metadata 1)
need_module dm_cbw
for _ in {1..10}; do
	ends_well
	ends_early
	ends_badly
	views
	mirrors
	tracks
	unload_cbw
	load_cbw
done
no_orphans
unload_cbw
no_orphans
