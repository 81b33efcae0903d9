#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with break-snapshot a timeout fails the job and not the write, and the late copy changes nothing
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 "paused cbw_timeout 2000"
put 1
hang target
put 3
assert_new "$origin" 3
assert_status state=failed reason=cbw-timeout held=0 inflight=1 cbw=1 progress=1/64
put 3
put 4

unhang target
await_status inflight=0
assert_status state=failed reason=cbw-timeout cbw=1 progress=1/64 target_errors=0
