#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# writes that the block layer throttles where they go on hold up no others: not the copies for them, nor the tracking map
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# In many pieces that do not become one, over few chunks: their copies are soon made.
fill_cache() {
	exec 3< /dev/mapper/cbw
	say fio --name=writeback --rw=write:4k --bs=4k --size=2560k --ioengine=psync --filename=/dev/mapper/cbw --minimal > /dev/null
}

begin_writeback() { # sets $writeback
	fill_cache
	sync /dev/mapper/cbw &
	writeback=$!
}

overtakes_writeback() { # CHUNK: a write of it
	with_deadline 60 put "$1"
	! gone "$writeback" || fail "nothing was throttled"
	wait "$writeback"
	exec 3<&-
}

dirty() { # prints the KiB that are still to be written back
	awk '$1 == "Dirty:" || $1 == "Writeback:" { kib += $2 } END { print kib }' /proc/meminfo
}

# A disk that takes 200 ms for each, and few that are written back at a time.
origin=$(mk_null origin 32 irqmode=2 completion_nsec=200000000)
target=$(mk_null target 32)
echo 2000 > /sys/block/origin/queue/wbt_lat_usec || skip_without "throttling of writeback"
dd if=/dev/zero bs=64k count=1 status=none | tr '\0' '\377' > "$new"
for engine in kcopyd buffered; do
	cbw_create cbw "$origin" "$target" 128 "sync none engine $engine cbw_timeout 0"
	begin_writeback
	await_status cbw='[1-9]*'
	overtakes_writeback 501
	say dmsetup remove --retry cbw
done

# What is written back because somebody waits for it overtakes what is written back in the background.
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 0"
fill_cache
limit=$(sysctl -n vm.dirty_background_ratio)
sysctl -q vm.dirty_background_bytes=4096
await_status cbw='[1-9]*'
say with_deadline 100 dd if="$new" of=/dev/mapper/cbw bs=64k seek=501 oflag=sync status=none
assert_new "$origin" 501
(($(dirty) > 500)) || fail "it went after all of the others: $(dirty) KiB are left"
sysctl -q vm.dirty_background_ratio="$limit"
sync /dev/mapper/cbw
exec 3<&-
say dmsetup remove --retry cbw

# They have waited for a map on a metadata device.
policy="metadata $(mk_null meta 1) on_metadata_error break-map cbw_timeout 1000"
track="0 65536 cbw $origin - 128 track 6 $policy"
say dmsetup create cbw --table "$track"
put_table() { # TABLE
	say dmsetup load cbw --table "$1"
	say dmsetup resume cbw
}

put_table "0 65536 cbw $origin $target 128 backup 8 sync full $policy"
cbw_wait cbw completed
put_table "$track"
begin_writeback
retry 20 eval '[[ $(dmsetup message cbw 0 changed) == *" 40 "* ]]' || fail "not written: $(dmsetup message cbw 0 changed)"
overtakes_writeback 501
[[ $(dmsetup message cbw 0 changed) != *failed* ]] || fail "the map is void"
say dmsetup remove --retry cbw

# A group may write little.
make_group little
costs_a_second "$origin" w
for engine in kcopyd buffered; do
	cbw_create cbw "$origin" "$target" 128 "sync none engine $engine cbw_timeout 0"
	for ((i = 0; i < 12; i++)); do
		in_group "$group" put $i &
	done
	await_status cbw=12
	with_deadline 60 put 501
	[[ -n $(< "$group/cgroup.procs") ]] || fail "nothing was throttled"
	wait
	say dmsetup remove --retry cbw
done

# Nor does another group's write that the same copy holds, or that waits for the same map.
little=$group
make_group other
mk_linear held "$target" > /dev/null
mk_linear kept "$(mk_null kept0 1)" > /dev/null
overtakes_group() { # DEVICE: which holds them all until then
	local other i
	dmsetup suspend --nolockfs "$1"
	for ((i = 0; i < 12; i++)); do
		in_group "$little" put 5 &
	done
	await_status held=12
	in_group "$group" put 5 &
	other=$!
	await_status held=13
	dmsetup resume "$1"
	retry 120 gone $other || fail "it does not end: $(dmsetup status cbw)"
	[[ -n $(< "$little/cgroup.procs") ]] || fail "it went after all of the other group"
	wait
	say dmsetup remove --retry cbw
}

cbw_create cbw "$origin" /dev/mapper/held 128 "sync none cbw_timeout 0"
overtakes_group held
say dmsetup create cbw --table "0 65536 cbw $origin - 128 track 6 metadata /dev/mapper/kept on_metadata_error break-map cbw_timeout 0"
overtakes_group kept
dmsetup remove held kept
