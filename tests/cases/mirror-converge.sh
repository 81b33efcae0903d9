#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# beneath constant load a mirror gets ready as soon as writes go to both devices, and copies no chunk twice from then on
# timeout: 240
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

volume_devices 48
start_writers
load 128 "copy_mode write-blocking"
resume
cbw_wait cbw ready
chunks=$(((length + 127) / 128))
await_status reason=synced
assert_eq "$(cbw_field cbw progress)" "$chunks/$chunks" "chunks that were copied, of all"

# In the other mode they are copied time and again; writes that are under way at the change are the last to do that.
load 128
resume
await_status progress='[1-9]???/*'
say dmsetup message cbw 0 copy_mode write-blocking
copied=$(cbw_field cbw "done")
cbw_wait cbw ready
await_status reason=synced
(($(cbw_field cbw "done") <= copied + 2 * chunks)) || fail "more than twice $chunks chunks were copied: $(dmsetup status cbw)"
expect_fail 'cannot be changed back|Invalid argument' dmsetup message cbw 0 copy_mode background
end_mirror complete
pivot
stop_writers
check_stamps "$target" --final
