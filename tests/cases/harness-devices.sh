#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the harness makes and finds devices of every kind, and takes down a stack of them
. "$CBW_LIB"

null=$(mk_null nulla 8 blocksize=4096)
assert_eq "$(dev_sectors "$null")" 16384 "length of $null"
loop=$(mk_loop image 1M)
assert_eq "$(dev_sectors "$loop")" 2048 "length of $loop"
loop_target=$(mk_loop target 1M)

lower=$(mk_linear lower "$null" 8 4096)
upper=$(mk_linear upper "$lower")
dd if=/dev/urandom of="$upper" bs=4096 count=512 oflag=direct status=none
assert_same "$upper" "$lower"
expect_fail 'invalid target|Invalid' dmsetup create wrong --table "0 8 linear $null x"
expect_fail 'differ' assert_same "$loop" "$upper" 512

# Its memory is seen, where the kernel tells of any.
cbw_create cbw "$loop" "$loop_target" 8 paused
if [[ -e /sys/kernel/debug/slab/kmalloc-64/alloc_traces ]]; then
	! no_leak || fail "the memory of a job is not seen"
	# shellcheck disable=SC2154 # no_leak's
	[[ $leaked == *cbw_ctr* ]] || fail "it is not seen in the allocators: $leaked"
fi
dmsetup remove --retry cbw

mkdir "$CBW_TMP/mnt"
mkfs.ext4 -q "$upper"
mount "$upper" "$CBW_TMP/mnt"
dmsetup suspend upper
touch "$CBW_TMP/mnt/blocked" &
