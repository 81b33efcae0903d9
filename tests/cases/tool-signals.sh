#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ^C, TERM, the end of the terminal and kill -9 at the tool, while it works and while the volume does not become still
# timeout: 240
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
origin=$(mk_null origin 4)
target=$(mk_null target 4)

start_watching() {
	tool_begins wait cbw
	retry 30 eval '[[ $(cbw repair) == "cbw: another cbw is at work on it" ]]' || fail "nobody watches"
}

# dm-delay counts what it holds: reads, writes, flushes.
is_delayed() {
	[[ $(dmsetup status late) == *" delay 0 1 0" ]]
}

mk_linear cbw "$origin" > /dev/null
table=$(dmsetup table cbw)
for signal in INT TERM; do
	tool_begins backup cbw "$target" --overwrite --speed 1K
	retry 30 has_job || fail "no job"
	kill -$signal "$pid"
	tool_ends 1 'cbw: the backup of cbw was cancelled'
	volume_is_own "$table"
done

# The job outlives the terminal, and the one who watches.
tool_begins backup cbw "$target" --overwrite --speed 1K
retry 30 has_job || fail "no job"
kill -HUP "$pid"
tool_ends 1 "cbw: warning: the job goes on: .*"
has_job
tool repair
start_watching
kill -INT "$pid"
tool_ends 1 "cbw: warning: the job goes on: .*"
start_watching
tool speed cbw 0
tool_ends 0 'cbw: 4.0 MiB in .*'
volume_is_own "$table"
dmsetup remove cbw

# A write that takes its time, below it, keeps the volume from being suspended: less than what counts as hung.
need_module dm_delay
dmsetup create late --table "0 $(dev_sectors "$origin") delay $origin 0 0 $origin 0 25000"
mk_linear cbw /dev/mapper/late > /dev/null
table=$(dmsetup table cbw)
for signal in INT KILL; do
	CBW_STEP=stop:6 tool_begins backup cbw "$target" --overwrite
	retry 30 grep -q "^State:.*T" "/proc/$pid/status" || fail "it does not come to the resume"
	dd if=/dev/zero of=/dev/mapper/cbw bs=4K count=1 oflag=direct status=none &
	writer=$!
	retry 30 is_delayed || fail "the write does not come"
	kill -CONT "$pid"
	sleep 2
	kill -$signal "$pid"
	if [[ $signal == INT ]]; then
		tool_ends 1 'cbw: interrupted: no backup was begun'
	else
		wait "$pid" || true
		! is_suspended cbw || fail "suspended"
		tool repair
	fi
	volume_is_own "$table"
	is_delayed || fail "the write has not lasted long enough"
	wait "$writer"
done
