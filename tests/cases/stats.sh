#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the message stats: how long writes were held, what was copied for whom, what failed, and how to begin anew
# tier: core
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

line() { # WORD: what follows it in the statistics
	dmsetup message cbw 0 stats | sed -n "s/^$1 //p"
}

held() {
	line held | cut -d' ' -f1
}

longest() {
	line held | cut -d' ' -f3
}

# The number of holds that were shorter than 2^N us.
shorter() { # N
	line hold_us | awk -v n="$1" '{ for (i = 1; i <= n + 1; i++) sum += $i } END { print sum }'
}

nothing() {
	assert_eq "$(line held)" "0 longest_us 0" "held"
	assert_eq "$(line hold_us)" "$(printf '0 %.0s' {1..32} | sed 's/ $//')" "hold_us"
	assert_eq "$(line cbw) $(line sweep)" "0 0 0 0 0 0 0 0" "copies"
	assert_eq "$(line coalesced)" 0 "coalesced"
}

fault_pair 4 cache_size=1
cbw_create cbw "$origin" "$target" 128 "paused on_cbw_error break-write on_target_error stop on_source_error stop"
nothing
status=$(dmsetup status cbw)
dmsetup message cbw 0 stats > /dev/null
assert_eq "$(dmsetup status cbw)" "$status" "the status after looking at the statistics"

# A write over one chunk, one over four that lie side by side, one that needs no copy.
put 9
say dd if=/dev/zero of=/dev/mapper/cbw bs=256k count=1 oflag=direct status=none
put 9
assert_eq "$(held) $(line cbw) $(line sweep) $(line coalesced)" "2 2 5 0 0 0 0 0 0 3" "the statistics after two holds"

# One that is held for half a second is in no bucket below 2^18 us. The kernel's timers may be early by a tick.
short=$(shorter 18)
slow target 500
put 20
slow target 0
assert_eq "$(held) $(shorter 18) $(shorter 31)" "3 $short 3" "holds, those below 2^18 us, and all of them"
(($(longest) >= 500000 - 10000)) || fail "the longest hold took $(longest) us"

# Errors by side, and by who copied.
inject target write
begin_put 21 && ends_as error $!
mend target
inject origin read
begin_put 22 && ends_as error $!
dmsetup message cbw 0 resume
await_status state=paused reason=source-error inflight=0
mend origin
[[ $(line cbw) == "3 6 1 1" && $(line sweep) =~ ^[0-9]+\ [0-9]+\ [1-9][0-9]*\ 0$ ]] ||
	fail "errors: $(dmsetup message cbw 0 stats)"
inject target flush
dmsetup message cbw 0 resume
cbw_wait cbw failed
[[ $(line sweep) =~ ^[1-9][0-9]*\ 58\ [0-9]+\ 1$ ]] || fail "the flush is no error of the sweep: $(line sweep)"
mend target

status=$(dmsetup status cbw)
dmsetup message cbw 0 stats reset
nothing
assert_eq "$(dmsetup status cbw)" "$status" "the status after the statistics were reset"
