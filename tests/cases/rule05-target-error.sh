#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with break-snapshot an error of the target device fails the job for good, and not the write
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 paused
put 0
assert_status state=paused cbw=1 progress=1/64

inject target write
put 3
assert_new "$origin" 3
assert_status state=failed reason=cbw-error progress=1/64 source_errors=0 target_errors=1 inflight=0 held=0

# What is mended later does not make it good, nor try anything.
mend target
put 3
put 4
expect_fail 'the job has ended' dmsetup message cbw 0 resume
assert_status state=failed reason=cbw-error progress=1/64 cbw=1 sweep=0 target_errors=1
