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
		in_group "$group" read_chunk /dev/mapper/view "$1" > /dev/null &
	done
	retry 60 eval '(($(nr_in_flight view) == 12))' || fail "the reads do not come"
}

most_wait() {
	(($(wc -l < "$group/cgroup.procs") > 6)) || fail "nothing was throttled, or the reads were waited for"
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
costs_a_second "$target" r
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
costs_a_second "$origin" r
for engine in kcopyd buffered; do
	start "engine $engine"
	say dmsetup suspend --nolockfs cbw
	begin_reads 9
	say dmsetup resume cbw
	most_wait
	end
done
