#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# full saves an idle device, completes, and writes go on
# tier: core
. "$CBW_LIB"

origin=$(mk_null origin 48)
target=$(mk_null target 64)
dd if=/dev/urandom of="$origin" bs=1M count=48 oflag=direct status=none
dd if="$origin" of="$CBW_TMP/pit" bs=1M iflag=direct status=none

cbw_create cbw "$origin" "$target" 128
cbw_wait cbw completed
assert_eq "$(cbw_field cbw progress)" 768/768 "progress"
assert_eq "$(cbw_field cbw sweep)" 768 "chunks by the sweep"
assert_eq "$(cbw_field cbw reason)" - "reason"
assert_same "$CBW_TMP/pit" "$target" $((48 << 20))

dd if=/dev/zero of=/dev/mapper/cbw bs=1M count=8 oflag=direct status=none
assert_same "$CBW_TMP/pit" "$target" $((48 << 20))
assert_same /dev/zero "$origin" $((8 << 20))
