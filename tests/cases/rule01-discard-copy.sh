#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with discard copy what is pending is saved before it is discarded
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
mk_null discards 4 discard=1 > /dev/null
dd if="$pit" of=/dev/discards bs=1M oflag=direct status=none
cbw_create cbw /dev/discards /dev/target0 128 "sync none discard copy"
put 5
say blkdiscard --offset $((32 << 10)) --length $((1 << 20)) /dev/mapper/cbw
assert_status cbw=17
say blkdiscard /dev/mapper/cbw
assert_status cbw=64 held=0 inflight=0
assert_same "$pit" /dev/target0
assert_same /dev/zero /dev/discards $((4 << 20))
