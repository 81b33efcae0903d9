#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# two hundred jobs come and go under load, while their copies are in flight, and leave no memory and no reference
# tier: long
# timeout: 900
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

linear="0 32768 linear $origin 0"

# What the kernel uses, in KiB, by where it comes from; "pages" is what nobody accounts for, as kcopyd's own.
memory() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
	awk '{ kib[$1] = $2 }
		END {
			print "slab", kib["SUnreclaim:"]
			print "percpu", kib["Percpu:"]
			print "vmalloc", kib["VmallocUsed:"]
			print "stacks", kib["KernelStack:"]
			known = kib["MemFree:"] + kib["Buffers:"] + kib["Cached:"] + kib["AnonPages:"] + kib["Slab:"]
			known += kib["KernelStack:"] + kib["PageTables:"] + kib["Percpu:"] + kib["VmallocUsed:"]
			print "pages", kib["MemTotal:"] - known
		}' /proc/meminfo
}

references() {
	echo "module $(< /sys/module/dm_cbw/refcnt)"
	dmsetup info -c --noheadings -o name,open
	cut -d' ' -f1,3 /proc/modules | grep '^dm_'
	# shellcheck disable=SC2009 # of kernel threads
	ps -eo comm | grep -c '^cbw' || true
}

# Each cycle may not cost more than this, were it all left behind: a job alone is some 8 KiB, its kcopyd clients 1 MiB.
declare -A allowed=([slab]=600 [percpu]=200 [vmalloc]=200 [stacks]=200 [pages]=20000)

# The allocators keep what was freed for a while, and never give all of it back at once.
no_more_than() { # MEMORY
	local what kib now
	now=$(memory)
	while read -r what kib; do
		(($(awk -v what="$what" '$1 == what { print $2 }' <<< "$1") + allowed[$what] >= kib)) || return 1
	done <<< "$now"
}

load_on() {
	fio --name=load --filename=/dev/mapper/cbw --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bs=16k \
		--rate_iops=300 --norandommap --randseed="$CBW_SEED" --time_based --runtime=10000 > "$CBW_TMP/fio" 2>&1 &
	fio=$!
}

load_off() {
	kill -0 $fio || fail "the writers did not last: $(< "$CBW_TMP/fio")"
	kill -INT $fio
	wait $fio || true
	grep -q 'err= 0' "$CBW_TMP/fio" || fail "the writers saw an error: $(< "$CBW_TMP/fio")"
}

# Comes and goes as a table of a device that is in use the whole time.
table() {
	dmsetup load cbw --table "$(cbw_table "$origin" "$target" 8 "max_copy 8 workers 64")"
	dmsetup resume cbw
	(($1 % 5)) || dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "sync none")"
	(($1 % 7)) || dmsetup suspend cbw
	(($1 % 10)) || dmsetup resume cbw
	dmsetup load cbw --table "$linear"
	dmsetup resume cbw
}

# Comes and goes with its device; of mirrors each second one has writes for both devices.
device() {
	local job=backup features="max_copy 8 workers 64"
	(($1 % 2)) || job=mirror features="copy_mode write-blocking"
	dmsetup create other --table "$(CBW_JOB=$job cbw_table /dev/others0 /dev/others1 8 "$features")"
	dd if=/dev/zero of=/dev/mapper/other bs=4k count=200 seek=$(($1 % 100 * 16)) oflag=direct status=none
	(($1 % 3)) || dmsetup wipe_table --nolockfs other
	dmsetup remove --retry other
}

cycles() { # NUMBER
	local i
	load_on
	for ((i = 1; i <= $1; i++)); do
		table "$i"
		device "$i"
	done
	load_off
}

fault_pair 16
need_module dm_cbw
slow target 10
for i in 0 1; do
	dd if=/dev/zero of="$(mk_null others$i 8 completion_nsec=5000000 irqmode=2)" bs=1M count=8 oflag=direct status=none
done
dd if=/dev/zero of=/dev/target0 bs=1M count=16 oflag=direct status=none
dmsetup create cbw --table "$linear"

# What is allocated once and stays.
cycles 10
before=$(memory) held=$(references)
cycles 100
retry 30 no_more_than "$before" || fail "memory has grown:"$'\n'"$before"$'\n'"to"$'\n'"$(memory)"
assert_eq "$(references)" "$held" "what is referenced"
assert_eq "$(dmsetup info -c --noheadings -o open cbw)" 0 "the open count"

for i in {1..10}; do
	dmsetup load cbw --table "$(cbw_table "$origin" "$target" 8)"
	dmsetup resume cbw
	dmsetup load cbw --table "$linear"
	dmsetup resume cbw
	unload_cbw
	load_cbw
done
