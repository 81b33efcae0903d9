#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# multipath, for which the kernel takes no other table, and what can be mapped into memory, are refused
# tier: long
# timeout: 240
# boot: memmap=32M!1G
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

# What udev's rules would look for is not there, and multipathd is not needed.
need_module dm_multipath
need_module dm_round_robin
origin=$(mk_null origin 16)
target=$(mk_null target 17)
for mode in bio rq; do
	dmsetup create cbw --table "0 $(dev_sectors "$origin") multipath 2 queue_mode $mode 0 1 1 round-robin 0 1 1 $origin 1000"
	table=$(dmsetup table cbw)
	wrong_use 1 'cbw is multipath, for which the kernel takes no other table: .*' backup cbw "$target"
	volume_is_own "$table"
	# The way that there is.
	dmsetup create above --table "0 $(dev_sectors "$origin") linear /dev/mapper/cbw 0"
	dd if=/dev/urandom of=/dev/mapper/above bs=1M count=16 oflag=direct status=none
	tool backup above "$target" --overwrite --quiet
	assert_same "$origin" "$target" 16777216
	# And why: if this succeeds, it could be done otherwise.
	expect_fail "can't replace immutable target type multipath" dmsetup load cbw --table "0 $(dev_sectors "$origin") linear $origin 0"
	dmsetup remove --retry above
	dmsetup remove --retry cbw
done

need_module nd_e820
need_module nd_pmem
retry 30 test -b /dev/pmem0 || fail "no memory that is a disk: $(grep -i persistent /proc/iomem)"
dmsetup create cbw --table "0 $(dev_sectors /dev/pmem0) linear /dev/pmem0 0"
table=$(dmsetup table cbw)
wrong_use 1 'cbw can be mapped into memory \(DAX\): no write is seen then' backup cbw "$target" --overwrite
volume_is_own "$table"
dmsetup remove --retry cbw
