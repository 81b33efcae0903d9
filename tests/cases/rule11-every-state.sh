#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# suspended, resumed, reloaded or removed in every state, a job loses no write, hangs nobody and leaves nothing behind
# timeout: 600
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

# --- the states: each has written to chunk 5 ---------------------------------------------------------------------

create() { # [FEATURES]: at this speed it does not come further than one copy
	cbw_create cbw "$origin" "$target" 128 "max_copy 128 ${1:-speed 1}"
	put 5
}

# A table that waits behind another one.
be_new() {
	mk_linear cbw "$origin" > /dev/null
	put 5
	dmsetup load cbw --table "$(cbw_table "$origin" "$target" 128 "speed 1")"
}

be_running() {
	create
}

be_held() {
	create "sync bitmap"
}

be_paused() {
	create paused
}

be_stopped() {
	inject target write 9
	create "on_target_error stop"
	await_status state=paused reason=target-error inflight=0
	mend target
}

be_completed() {
	create "speed 0"
	cbw_wait cbw completed
}

be_failed() {
	create paused
	inject target write
	put 7
	mend target
}

be_cancelled() {
	create
	dmsetup message cbw 0 cancel
}

be_hanging() {
	create "paused cbw_timeout 2000 workers 2"
	hang target
	dmsetup message cbw 0 resume
	await_status inflight=2
	begin_put 8
	retry 30 eval 'status_is held=1 || status_is state=failed' || fail "the write does not come: $(dmsetup status cbw)"
}

# --- what is done to them: each also ends the job ----------------------------------------------------------------

# A table that was not resumed before runs from here on.
goes_on() {
	local state=$1
	[[ $state != new ]] || state=running
	[[ $state != hanging ]] || state=failed
	[[ $state != @(stopped|held) ]] || state=paused
	await_status state="$state" held=0
	put 6
	dmsetup remove --retry cbw
}

do_suspend() {
	with_deadline 60 dmsetup suspend cbw
	with_deadline 60 dmsetup resume cbw
	goes_on "$@"
}

do_noflush() {
	with_deadline 60 dmsetup suspend --noflush cbw
	with_deadline 60 dmsetup resume cbw
	goes_on "$@"
}

do_resume() {
	with_deadline 60 dmsetup resume cbw
	[[ $1 != hanging ]] || await_status state=failed
	goes_on "$@"
}

# While copies hang, it depends on when the write gives up: the table is refused, or goes live as failed.
do_reload() {
	local table
	table=$(cbw_table "$origin" "$target" 16)
	if [[ $1 == hanging ]]; then
		with_deadline 60 dmsetup load cbw --table "$table" || klog_expect 'Copies of a failed job still run'
		with_deadline 60 dmsetup resume cbw
		await_status state=failed
		put 6
	else
		with_deadline 60 dmsetup load cbw --table "$table"
		with_deadline 60 dmsetup resume cbw
		put 6
		cbw_wait cbw completed
		assert_status progress=512/512
		assert_pit "$target" 6
		assert_new "$target" 5
	fi
	dmsetup remove --retry cbw
}

do_force() {
	with_deadline 60 dmsetup remove --force cbw || with_deadline 60 dmsetup remove --retry cbw
}

do_remove() {
	with_deadline 60 dmsetup remove --retry cbw
}

# ------------------------------------------------------------------------------------------------------------------

nothing_left() {
	[[ $(< /sys/module/dm_cbw/refcnt) == 0 && ! -e /dev/mapper/cbw ]] &&
		[[ $(dmsetup info -c --noheadings -o open origin)$(dmsetup info -c --noheadings -o open target) == 00 ]]
}

cell() { # STATE OPERATION
	printf -- '--- %s: %s\n' "$1" "$2" >&2
	"be_$1"
	"do_$2" "$1"
	if [[ $1 == hanging ]]; then
		unhang target
		wait
		assert_new "$origin" 8
	fi
	retry 30 nothing_left || fail "something is left behind"
	assert_new "$origin" 5
	[[ $2 =~ remove|force ]] || assert_new "$origin" 6
	dd if="$pit" of="$origin" bs=1M oflag=direct status=none
}

fault_pair 4
need_module dm_cbw
for state in new held running paused stopped completed failed cancelled hanging; do
	for operation in suspend noflush resume reload force remove; do
		cell $state $operation
	done
done
