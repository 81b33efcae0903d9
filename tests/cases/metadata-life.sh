#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a tracking map on a metadata device goes on after a clean or an unclean end, if nobody has written to the origin meanwhile
. "$CBW_LIB"

#     /dev/mapper/cbw
#        |       \        \
#     origin     target    metadata
#        |
#     base              a new origin has counted no write yet, as after a boot

need_module dm_cbw
base=$(mk_null base 64 discard=1)
target=$(mk_null target 64)
metadata=$(mk_null metadata 1)
other=$(mk_null other 1)
sectors=$(dev_sectors "$base")
track="0 $sectors cbw /dev/mapper/origin - 8 track 2 metadata"
dd if=/dev/urandom of="$base" bs=1M oflag=direct status=none 2> /dev/null || true

boot() { # nothing of the last time is known any more
	rmmod dm_cbw
	insmod "$CBW_KO"
	mk_linear origin "$base" > /dev/null
	say dmsetup create cbw --table "$track $metadata"
}

halt() {
	say dmsetup remove --retry cbw
	say dmsetup remove --retry origin
}

put() { # TABLE...
	dmsetup load cbw --table "$*"
	dmsetup resume cbw
}

backup() { # SYNC
	put "0 $sectors cbw /dev/mapper/origin $target 128 backup 4 sync $1 metadata $metadata"
	cbw_wait cbw completed
}

write() { # SECTOR SECTORS
	dd if=/dev/urandom of=/dev/mapper/cbw bs=512 seek="$1" count="$2" oflag=direct status=none
}

summary() {
	dmsetup message cbw 0 changed
}

generation() {
	summary | cut -d' ' -f1
}

assert_ranges() { # [RANGE]...
	assert_eq "$(dmsetup message cbw 0 changed 0 | tr ' ' + | xargs)" "$*" "what has changed"
}

assert_anew() { # REASON
	assert_eq "$(summary)" "- 8 0 durable" "the map"
	klog_expect "begins anew: $1"
	klog_anew
}

crash() { # what is on the device while all goes on is what a crash leaves
	dd if="$metadata" of="$other" bs=64k iflag=direct oflag=direct status=none
	halt
	dd if="$other" of="$metadata" bs=64k iflag=direct oflag=direct status=none
}

mk_linear origin "$base" > /dev/null
say dmsetup create cbw --table "$track $metadata"
assert_eq "$(dmsetup table cbw | cut -d' ' -f7-)" "track 2 metadata $(stat -Lc '%Hr:%Lr' "$metadata")" table
assert_eq "$(summary)" "- 8 0 durable" "the map"
write 1000 1
assert_eq "$(summary)" "- 8 1 durable" "the map"
backup full
assert_same "$base" "$target"
now=$(generation)

# A clean end.
write 80 8
write 0 1
write $((sectors - 3)) 3
halt
boot
assert_eq "$(summary)" "$now 8 3 durable" "the map"
assert_ranges 0+8 80+8 $((sectors - 8))+8

# An unclean one.
write 160 16
crash
boot
assert_eq "$(generation)" "$now" generation
assert_ranges 0+8 80+8 160+16 $((sectors - 8))+8
backup incremental
assert_same "$base" "$target"
next=$(generation)
[[ $next != "$now" ]] || fail "the same generation"
assert_ranges
retry 10 eval '! cmp -s <(dd if="$metadata" bs=4k skip=1 count=1 iflag=direct status=none | head -c 32) <(head -c 32 /dev/zero)'
crash
boot
assert_eq "$(summary)" "$next 8 0 durable" "the map"

# In the middle of a job: the map is the one before it, with what has come since.
write 800 8
put "0 $sectors cbw /dev/mapper/origin $target 8 backup 5 sync incremental metadata $metadata paused"
write 1600 8
crash
boot
assert_eq "$(generation)" "$next" generation
assert_ranges 800+8 1600+8
backup incremental
assert_same "$base" "$target"
now=$(generation)

# Somebody has written in between: where file systems do it when they are mounted, or anywhere.
write 8 8
for at in 2 130; do
	halt
	dd if=/dev/urandom of="$base" bs=512 seek=$at count=1 oflag=direct status=none
	boot
	assert_anew "the origin was written to meanwhile"
	backup full
	write 8 8
done
halt
rmmod dm_cbw
insmod "$CBW_KO"
mk_linear origin "$base" > /dev/null
dd if=/dev/urandom of=/dev/mapper/origin bs=512 seek=8000 count=1 oflag=direct status=none
say dmsetup create cbw --table "$track $metadata"
assert_anew "the origin was written to meanwhile"
# The same, but the module has seen it leave; without a write it goes on.
backup full
now=$(generation)
say dmsetup remove --retry cbw
say dmsetup create cbw --table "$track $metadata"
assert_eq "$(generation)" "$now" generation
say dmsetup remove --retry cbw
dd if=/dev/urandom of=/dev/mapper/origin bs=512 seek=8000 count=1 oflag=direct status=none
say dmsetup create cbw --table "$track $metadata"
assert_anew "the origin was written to meanwhile"

# A table that does not have it.
backup full
put "0 $sectors linear /dev/mapper/origin 0"
put "$track $metadata"
assert_eq "$(summary)" "- 8 0 durable" "the map"
halt
