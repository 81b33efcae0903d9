#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# each allocation of a constructor, of a backup, a view or a mirror, fails once: it says what it could not have, and leaves nothing behind
# tier: core
# kernel: debug
# timeout: 900
# klog-allow: Call Trace|lockdep_hardirqs_on_prepare
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh and guest.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/inject.sh"

# A slab cache that cannot be had is shown with a trace of its caller, by the kernel.
need_failing_allocations
fault_pair 4
need_module dm_cbw
say dmsetup create cbw --notable
table=$(cbw_table "$origin" "$target" 8 "workers 2")

fail_each cbw "$table" 'the target' 'the job' 'the workqueues' 'the chunk map' 'the copy engine' "the sweep's thread" \
	'the origin device' 'the target device'
assert_eq "$(< /sys/module/dm_cbw/refcnt)" 0 "users of the module"
retry 10 no_leak || fail "the constructor leaves something behind: $(leaks)"

say dmsetup load cbw --table "$table"
say dmsetup resume cbw
cbw_wait cbw completed
assert_same "$pit" "$target"

# And those of a view, and of a mirror.
dmsetup remove --retry cbw
cbw_create cbw "$origin" "$target" 8 "sync none"
say dmsetup create view --notable
fail_each view "0 $(dev_sectors "$origin") cbw-snapshot $origin 1 release" 'the view' 'the origin device' \
	'the target device of the job' 'the map of what is released'
dmsetup remove --retry view
dmsetup remove --retry cbw
say dmsetup create cbw --notable
CBW_JOB=mirror
fail_each cbw "$(cbw_table "$origin" "$target" 8)" 'the job' 'what is needed to write to both devices'
assert_eq "$(< /sys/module/dm_cbw/refcnt)" 0 "users of the module"
dmsetup remove cbw
retry 10 no_leak || fail "a constructor leaves something behind: $(leaks)"
