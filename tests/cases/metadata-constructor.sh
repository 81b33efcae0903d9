#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# each allocation of a constructor with a metadata device fails once: it says what it could not have, and leaves nothing behind
# kernel: debug
# timeout: 900
# klog-allow: Call Trace|lockdep_(hardirqs_on_prepare|init_map_type)
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/inject.sh"

need_failing_allocations
fault_pair 4
need_module dm_cbw
metadata=$(mk_null metadata 1)
say dmsetup create cbw --notable
track="0 $(dev_sectors "$origin") cbw $origin - 8 track 2 metadata $metadata"
fail_each cbw "$track" 'the target' 'the tracking map' 'the metadata' 'the metadata device' \
	'the metadata device for buffered I/O' 'the job'
assert_eq "$(< /sys/module/dm_cbw/refcnt)" 0 "users of the module"
retry 10 no_leak || fail "the constructor leaves something behind: $(leaks)"

say dmsetup load cbw --table "$track"
say dmsetup resume cbw
put 3
assert_eq "$(dmsetup message cbw 0 changed)" "- 8 1 durable" "the map"
