#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a target device that fails fails no write of a mirror; what it did not take is copied later, or the job ends, as it says
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

CBW_JOB=mirror

assert_same_again() {
	await_status state=ready reason=synced
	dmsetup suspend cbw
	assert_same /dev/origin0 /dev/target0
	dmsetup resume cbw
}

mirror() { # FEATURES
	cbw_create cbw "$origin" "$target" 128 "copy_mode write-blocking $1"
	await_status state=ready reason=synced
}

fault_pair 4 cache_size=1
mirror "on_target_error stop"
inject target write 5
put 5
await_status state=paused reason=target-error target_errors='[1-9]*'
# While it is paused nothing is written there.
put 6
assert_pit "$target" 6
mend target
say dmsetup message cbw 0 resume
assert_same_again
assert_new "$target" 6
dmsetup remove --retry cbw

mirror "on_target_error ignore"
inject target write 7
put 7
await_status target_errors='[2-9]*'
assert_status state=ready
put 7 oflag=direct,dsync
mend target
assert_same_again
dmsetup remove --retry cbw

# For one chunk that cannot be copied the copies of others are not short for ever.
copied_together() {
	local copies chunks
	say dmsetup message cbw 0 stats reset
	dd if=/dev/zero of=/dev/mapper/cbw bs=1M count=1 seek=1 oflag=direct status=none
	retry 20 only_one_left || fail "the others are not copied: $(dmsetup status cbw)"
	read -r copies chunks < <(dmsetup message cbw 0 stats | sed -n 's/^sweep \([0-9]* [0-9]*\) .*/\1/p')
	((chunks > copies))
}
only_one_left() {
	(($(cbw_field cbw total) == $(cbw_field cbw "done") + 1))
}
cbw_create cbw "$origin" "$target" 128 "on_target_error ignore"
await_status state=ready
inject target write 7
put 7
await_status target_errors='[4-9]*'
retry 20 copied_together || fail "each chunk is copied by itself: $(dmsetup message cbw 0 stats)"
mend target
dmsetup remove --retry cbw

mirror "on_target_error report"
inject target write 9
put 9
await_status state=failed reason=target-error
put 9
assert_new /dev/origin0 9
mend target
dmsetup remove --retry cbw

# A flush that fails there does not fail here; but what was written before it may be lost.
mirror ""
inject target flush
put 3 oflag=direct,dsync
await_status state=failed reason=target-error
mend target
dmsetup remove --retry cbw

# The last flush: the volume stays where it is.
mirror ""
inject target flush
say dmsetup message cbw 0 complete
say dmsetup suspend cbw
assert_status state=failed reason=target-error
say dmsetup resume cbw
put 3
assert_new /dev/origin0 3
mend target
dmsetup remove --retry cbw

# The origin cannot be read: a chunk that was not copied stays pending.
inject origin read 11
cbw_create cbw "$origin" "$target" 128 "on_source_error stop"
await_status state=paused reason=source-error
mend origin
say dmsetup message cbw 0 resume
await_status state=ready
