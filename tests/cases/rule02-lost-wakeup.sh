#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a million times one write is held on one copy while all else is idle, and each time it is let go
# tier: long
# timeout: 1800
. "$CBW_LIB"

# One that sleeps on ends as an I/O error after the timeout, and fio with it.
writes() { # JOBS MIB
	say fio --name=single --filename=/dev/mapper/cbw --direct=1 --ioengine=psync --rw=write --bs=4k \
		--numjobs="$1" --size="$2M" --offset_increment="$2M" --group_reporting > "$CBW_TMP/fio" || fail "$(< "$CBW_TMP/fio")"
	assert_eq "$(cbw_field cbw held)" 0 "the number of held writes"
}

need_module dm_cbw
origin=$(mk_null origin 4096 memory_backed=0)
target=$(mk_null target 4096 memory_backed=0)
for jobs in 1 4; do
	cbw_create cbw "$origin" "$target" 8 "speed 4 on_cbw_error break-write cbw_timeout 20000"
	writes $jobs $((2048 / jobs))
	(($(cbw_field cbw cbw) > 2048 * 256 * 9 / 10)) || fail "few writes were held: $(dmsetup status cbw)"
	# Now it is the sweep that has slept.
	say dmsetup message cbw 0 speed 0
	cbw_wait cbw completed
	dmsetup remove --retry cbw
done
