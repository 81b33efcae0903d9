#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a new limit holds from its message on: what was charged at the old one is forgiven, what was not used is lost
# clock: simulated
# timeout: 300
# shellcheck disable=SC2154 # the names are those of clock.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/clock.sh"

# The commands take their time, too, and the more the longer the guest waits for the host.
advance() { # SECONDS: sets $chunks, how far the sweep has come in that time, and $micros, how long it was
	local before begin
	before=$(cbw_field cbw sweep) begin=${EPOCHREALTIME/./}
	sleep "$1"
	chunks=$(($(cbw_field cbw sweep) - before)) micros=$((${EPOCHREALTIME/./} - begin))
	echo "$chunks chunks in $micros us: $(dmsetup status cbw)"
}

modelled_pair 1024
# The first copy is paid for in 1024 s.
cbw_create cbw "$origin" "$target" 128 "speed 1"
advance 5
assert_eq "$chunks" 0 "chunks while the first copy is paid for"

say dmsetup message cbw 0 speed 10240
advance 0.1
((chunks > 0)) || fail "the sweep still pays for what it copied at the old limit"
sleep 1

# 1 MiB, the longest copy, is 10 s now.
say dmsetup message cbw 0 speed 100
advance 0.1
((chunks <= 32)) || fail "the sweep goes on as before the message"
advance 30
((due = 100 * micros / 64 / 1000000))
((chunks >= due - 2 * 16 && chunks <= due + 2 * 16 && chunks > 0)) || fail "$chunks chunks, not about $due, which the limit allows"

# Idle time earns no burst beyond the slice of 100 ms.
say dmsetup message cbw 0 speed 10240
say dmsetup message cbw 0 pause
sleep 20
say dmsetup message cbw 0 resume
advance 1
# It is caught up once, and a copy more at each end is seen or not.
((due = 160 * micros / 1000000))
((chunks >= due * 95 / 100 - 2 * 16 && chunks <= due * 105 / 100 + 3 * 16)) || fail "$chunks chunks after the pause, not about $due"

say dmsetup message cbw 0 speed 0
advance 0.1
((chunks >= 800)) || fail "only $chunks chunks without a limit"
