#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what a copy reads for a write is nothing that the limits of the writer's group hold up: others may wait for it
# timeout: 120
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

base[origin]=$(mk_null origin0 4)
fault_pair 4
make_group writers
# A chunk would take a minute.
echo "$(stat -c %Hr:%Lr /dev/origin0) rbps=1024" > "$group/io.max"
for engine in kcopyd buffered; do
	cbw_create cbw "$origin" "$target" 128 "sync none engine $engine cbw_timeout 20000"
	(in_group "$group" put 3)
	assert_status state=running cbw=1
	dmsetup remove --retry cbw
done
