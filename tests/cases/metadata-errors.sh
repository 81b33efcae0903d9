#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# when the metadata device fails, the map is void, or the writes that it should have had fail, as the table says
# timeout: 300
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"
. "${CBW_LIB%/*}/metadata.sh"

for kind in write flush; do
	mend meta
	begin break-write
	backup full
	now=$(summary)
	inject meta "$kind"
	# The copy, if one is made, is not what fails.
	for _ in 1 2; do
		expect_fail 'Input/output error' put 3
	done
	assert_eq "$(dmsetup status cbw | cut -d' ' -f4)" completed state
	mend meta
	put 3
	assert_new "$origin" 3
	assert_eq "$(summary)" "${now% 0 durable} 1 durable" "the map"
	# What has changed already needs no metadata device.
	inject meta "$kind"
	put 3
	mend meta
	backup incremental
	assert_same "$origin" "$target"
	# An end that cannot be written is none.
	put 5
	inject meta "$kind"
	say dmsetup remove --retry cbw
	mend meta
	begin break-map
	assert_eq "$(summary)" "- 8 0 durable" "the map"

	# The default lets it go on. The device takes no word of that, or later.
	backup full
	now=$(summary)
	inject meta "$kind"
	put 7
	assert_new "$origin" 7
	assert_eq "$(summary)" "- 8 1 failed" "the map"
	put 9
	mend meta
	put 11
	assert_eq "$(summary)" "- 8 3 failed" "the map"
	expect_fail 'needs a full backup' dmsetup load cbw --table "0 $sectors cbw $origin $target 128 backup 6 sync incremental $policy"
	# In memory it is a map like any other.
	backup full
	put 13
	backup incremental
	assert_same "$origin" "$target"
	say dmsetup remove --retry cbw
	assert_eq "$(show)" "- open 8 0" "what is on the device"
done

# In the middle of a job, and at the next point in time.
begin break-write
backup full
job full speed 1
put 20
inject meta write
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
expect_fail 'Input/output error' put 21
put 20
job incremental paused
mend meta
dmsetup message cbw 0 resume
cbw_wait cbw completed
assert_same "$origin" "$target"
put 22
retry 10 eval '[[ $(show) == "$(summary | cut -d" " -f1) open 8 1" ]]' || fail "on the device: $(show); in memory: $(summary)"
