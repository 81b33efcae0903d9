#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with break-snapshot a chunk of the origin that cannot be read fails the job for good, and not the write
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
cbw_create cbw "$origin" "$target" 128 paused
inject origin read 3
put 2
assert_status state=paused cbw=1 progress=1/64

put 3
assert_status state=failed reason=cbw-error progress=1/64 source_errors=1 target_errors=0 inflight=0 held=0
mend origin
assert_new "$origin" 3
expect_fail 'the job has ended' dmsetup message cbw 0 resume
assert_status state=failed progress=1/64 sweep=0
