#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# reads of a view that have waited, and that the block layer throttles where they go on, hold up neither copies nor a resume
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

begin_reads() { # CHUNK: twelve, by the group
	local i
	for ((i = 0; i < 12; i++)); do
		{ echo $BASHPID > "$group/cgroup.procs" && read_chunk /dev/mapper/view "$1" > /dev/null; } &
	done
	retry 60 all_wait || fail "the reads do not come"
}

all_wait() {
	(($(awk '{ print $9 }' "$(dm_sysfs view)/stat") == 12))
}

most_wait() {
	(($(wc -l < "$group/cgroup.procs") > 6)) || fail "nothing was throttled, or the reads were waited for"
}

reads_cost() { # DEVICE: a second each
	local dev
	dev=$(stat -c %Hr:%Lr "$1")
	echo "$dev ctrl=user model=linear rbps=1000000 rseqiops=1 rrandiops=1 wbps=100000000 wseqiops=1000 wrandiops=1000" \
		> /sys/fs/cgroup/io.cost.model || skip_without "costs of groups of programs"
	echo "$dev enable=1 ctrl=user min=100 max=100" > /sys/fs/cgroup/io.cost.qos
}

make_group little
origin=$(mk_null origin 32)
target=$(mk_null target 32)
dd if=/dev/zero bs=64k count=1 status=none | tr '\0' '\377' > "$new"
mk_linear held "$target" > /dev/null
start() { # FEATURES
	cbw_create cbw "$origin" /dev/mapper/held 128 "sync none cbw_timeout 0 $1"
	say dmsetup create view --readonly --table "0 65536 cbw-snapshot $origin"
}

end() {
	wait
	dmsetup remove --retry view
	dmsetup remove --retry cbw
}

# They wait for what is in a buffer.
reads_cost "$target"
start "engine buffered release safe"
dmsetup suspend --nolockfs held
put 5
put 7
begin_reads 5
dmsetup resume held
await_status inflight=0
most_wait
end

# They wait for a job that is suspended.
reads_cost "$origin"
for engine in kcopyd buffered; do
	start "engine $engine"
	say dmsetup suspend --nolockfs cbw
	begin_reads 9
	say dmsetup resume cbw
	most_wait
	end
done
