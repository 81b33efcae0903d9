#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# each allocation of the constructor fails once: it says what it could not have, and leaves nothing behind
# tier: core
# kernel: debug
# timeout: 900
# klog-allow: Call Trace|lockdep_hardirqs_on_prepare
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/inject.sh"

# A slab cache that cannot be had is shown with a trace of its caller, by the kernel.
need_failing_allocations
fault_pair 4
need_module dm_cbw
say dmsetup create cbw --notable
table=$(cbw_table "$origin" "$target" 8 "workers 2")
metadata=$(mk_null metadata 1)

unseen() { # THING...: prints what no failure was for want of
	local thing
	for thing; do
		grep -q "Cannot [a-z]* $thing\( (\|$\)" "$CBW_TMP/messages" || echo "$thing"
	done
}

# A kernel with checks allocates for itself now and then, and one of ours is passed over.
fail_each() { # TABLE THING...
	dmesg --clear
	for _ in {1..8}; do
		echo "$(python3 "${CBW_LIB%/*}/load-failing.py" cbw "$1") allocations failed"
		klog | grep ': cbw: ' | sort | uniq -c > "$CBW_TMP/messages"
		[[ -n $(unseen "${@:2}") ]] || break
	done
	cat "$CBW_TMP/messages"
	[[ -z $(unseen "${@:2}") ]] || fail "no failure for want of $(unseen "${@:2}")"
	# Device-mapper takes the line to pieces before the constructor sees it.
	if grep -vE ": cbw: (Cannot|couldn't split) " "$CBW_TMP/messages"; then
		fail "a failure has no clear message"
	fi
}

fail_each "$table" 'the target' 'the job' 'the workqueue' 'the chunk map' 'the copy engine' "the sweep's thread" \
	'the origin device' 'the target device'
fail_each "0 $(dev_sectors "$origin") cbw $origin - 8 track 2 metadata $metadata" 'the target' 'the tracking map' \
	'the metadata' 'the metadata device' 'the metadata device for buffered I/O' 'the job'
assert_eq "$(< /sys/module/dm_cbw/refcnt)" 0 "users of the module"
retry 10 no_leak || fail "the constructor leaves something behind: $(leaks)"

say dmsetup load cbw --table "$table"
say dmsetup resume cbw
cbw_wait cbw completed
assert_same "$pit" "$target"
