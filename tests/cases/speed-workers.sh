#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# speed and workers limit the sweep and only the sweep, and progress is monotone
. "$CBW_LIB"

origin=$(mk_null origin 32)
# A copy takes long enough to be seen in flight.
target=$(mk_null target 32 irqmode=2 completion_nsec=20000000)
last=0 most=0

sample() { # LIMIT: in flight; succeeds when the job has completed
	local state progress inflight status
	status=$(dmsetup status cbw)
	read -r _ _ _ state _ _ _ progress inflight _ <<< "$status"
	((inflight <= $1)) || fail "$inflight copies in flight, not $1: $status"
	((last <= ${progress%/*} && ${progress%/*} <= ${progress#*/})) || fail "progress was $last: $status"
	last=${progress%/*} most=$((inflight > most ? inflight : most))
	[[ $state == completed ]] && assert_eq "$last" "${progress#*/}" "done"
}

sampled() { # LIMIT: to the end
	last=0 most=0
	retry 60 sample "$1" || fail "not completed: $(dmsetup status cbw)"
}

# One copy is at most a chunk, and the next may start a minute later.
cbw_create cbw "$origin" "$target" 128 "speed 1 max_copy 128"
sleep 2
(($(cbw_field cbw "done") <= 16)) || fail "the sweep ran off: $(dmsetup status cbw)"
dd if=/dev/zero of=/dev/mapper/cbw bs=1M count=8 seek=16 oflag=direct status=none
assert_eq "$(cbw_field cbw cbw)" 128 "chunks by copy-before-write"
(($(cbw_field cbw sweep) <= 16)) || fail "the sweep ran off: $(dmsetup status cbw)"
dmsetup message cbw 0 workers 1
dmsetup message cbw 0 speed 0
sampled 1
dmsetup remove --retry cbw

cbw_create cbw "$origin" "$target" 128 "workers 1 max_copy 128"
sampled 1
assert_eq "$most" 1 "most copies in flight with one worker"
dmsetup remove --retry cbw

cbw_create cbw "$origin" "$target" 8 "workers 64 max_copy 8"
sampled 64
((most > 1)) || fail "64 workers never had two copies in flight"
