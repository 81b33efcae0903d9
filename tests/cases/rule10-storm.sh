#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a hundred suspends in mid-copy and under load go unnoticed, and nothing is in flight while suspended
# tier: long
# timeout: 600
. "$CBW_LIB"

need_module dm_delay
mk_null origin0 64 > /dev/null
mk_null target0 64 > /dev/null
for name in origin target; do
	say dmsetup create $name --table "0 131072 delay /dev/${name}0 0 0 /dev/${name}0 0 5"
done
dd if=/dev/urandom of=/dev/origin0 bs=1M count=64 oflag=direct status=none
cp /dev/origin0 "$CBW_TMP/pit"

counts() {
	dev_stat /dev/origin0
	dev_stat /dev/target0
}

suspended() { # FLAG...
	local before inflight held
	say dmsetup suspend "$@" cbw
	before=$(counts)
	read -r _ _ _ _ _ _ _ _ inflight held _ <<< "$(dmsetup status cbw)"
	assert_eq "$inflight $held" "0 0" "what is in flight and held while suspended"
	assert_eq "$(counts)" "$before" "what the devices have done while suspended"
	dmsetup resume cbw
}

cbw_create cbw /dev/mapper/origin /dev/mapper/target 8 "max_copy 8 speed 1000"
fio --name=load --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite --bs=4k \
	--rate_iops=200 --norandommap --time_based --runtime=10000 > "$CBW_TMP/fio" 2>&1 &
fio=$!
retry 20 eval '(($(cbw_field cbw cbw) > 0 && $(cbw_field cbw sweep) > 0))'
for _ in {1..25}; do
	suspended
	suspended --noflush
	suspended --nolockfs
	suspended --noflush --nolockfs
done
kill -0 $fio || fail "the writers did not last: $(< "$CBW_TMP/fio")"
kill -INT $fio
wait $fio || true
grep -q 'err= 0' "$CBW_TMP/fio" || fail "the writers saw an error: $(< "$CBW_TMP/fio")"

dmsetup message cbw 0 speed 0
cbw_wait cbw completed
assert_same "$CBW_TMP/pit" /dev/target0
