#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a write to a pending chunk reaches the origin after the chunk is on the target device
# tier: core
. "$CBW_LIB"

origin=$(mk_null origin 16)
target=$(mk_null target 16)
dd if=/dev/urandom of="$origin" bs=1M count=16 oflag=direct status=none
dd if="$origin" of="$CBW_TMP/pit" bs=1M iflag=direct status=none

cbw_create cbw "$origin" "$target" 128 "sync none"
assert_eq "$(cbw_field cbw progress)" 0/0 "progress"

# Inside a chunk, a whole chunk, and over many with both ends inside one.
dd if=/dev/zero of=/dev/mapper/cbw bs=512 count=1 seek=3 oflag=direct status=none
dd if=/dev/zero of=/dev/mapper/cbw bs=64k count=1 seek=2 oflag=direct status=none
dd if=/dev/zero of=/dev/mapper/cbw bs=1000k count=1 seek=1 oflag=direct status=none
assert_eq "$(cbw_field cbw cbw)" 19 "chunks by copy-before-write"
cmp -n $((64 << 10)) "$CBW_TMP/pit" "$target"
cmp -i $((128 << 10)) -n $((64 << 10)) "$CBW_TMP/pit" "$target"
cmp -i $((960 << 10)) -n $((1024 << 10)) "$CBW_TMP/pit" "$target"
cmp -i $((4 << 20)) -n $((4 << 20)) /dev/zero "$target"
cmp -i $((1000 << 10)) -n $((1000 << 10)) /dev/zero "$origin"
