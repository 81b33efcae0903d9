#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the target device has flushed its cache before the job is completed
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4 cache_size=1
mk_linear gate /dev/target0 > /dev/null
reroute target flush /dev/mapper/gate
hang gate
before=$(dev_flushes /dev/target0)
cbw_create cbw "$origin" "$target" 128
await_status progress=64/64 inflight=1 sweep=64
put 0
sleep 1
assert_status state=running progress=64/64 inflight=1 held=0

unhang gate
cbw_wait cbw completed
await_status inflight=0
assert_eq "$(dev_flushes /dev/target0)" $((before + 1)) "flushes of the target device"
