#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writes that the block layer throttles where they go on hold up no others, nor the copies for them
# timeout: 180
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# The write of that chunk ends, and that program, whose writes came before, has not.
overtakes() { # CHUNK PID
	with_deadline 60 put "$1"
	! gone "$2" || fail "nothing was throttled"
	wait "$2"
}

# A disk that takes 200 ms for each.
origin=$(mk_null origin 32 irqmode=2 completion_nsec=200000000)
target=$(mk_null target 32)
dd if=/dev/zero bs=64k count=1 status=none | tr '\0' '\377' > "$new"

# Few may be written back at a time.
echo 2000 > /sys/block/origin/queue/wbt_lat_usec || skip_without "throttling of writeback"
for engine in kcopyd buffered; do
	cbw_create cbw "$origin" "$target" 128 "sync none engine $engine cbw_timeout 0"
	exec 3< /dev/mapper/cbw
	# With no chunk beside another, so that none become one.
	say fio --name=writeback --rw=write:124k --bs=4k --size=31M --ioengine=psync --filename=/dev/mapper/cbw --minimal > /dev/null
	sync /dev/mapper/cbw &
	await_status held='[1-9][0-9]*'
	overtakes 501 $!
	exec 3<&-
	say dmsetup remove --retry cbw
done

# A group may write little.
make_group little
dev=$(stat -c %Hr:%Lr /dev/origin)
echo "$dev ctrl=user model=linear rbps=100000000 rseqiops=1000 rrandiops=1000 wbps=1000000 wseqiops=4 wrandiops=4" \
	> /sys/fs/cgroup/io.cost.model || skip_without "costs of groups of programs"
echo "$dev enable=1 ctrl=user min=100 max=100" > /sys/fs/cgroup/io.cost.qos
for engine in kcopyd buffered; do
	cbw_create cbw "$origin" "$target" 128 "sync none engine $engine cbw_timeout 0"
	for ((i = 0; i < 16; i++)); do
		(echo $BASHPID > "$group/cgroup.procs" && put $i) &
	done
	await_status cbw=16
	overtakes 501 $!
	wait
	say dmsetup remove --retry cbw
done
