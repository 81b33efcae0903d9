#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tool moves a volume beneath writers to another device and back; cancelled, it says what the target device is worth
# timeout: 360
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

on() { # DEVICE: the volume is linear on it, and nothing is left behind
	volume_is_own "0 $length linear $(lsblk -dno MAJ:MIN "$1" | tr -d ' ') 0"
}

ends_well() { # what was begun
	retry 60 gone "$pid" || fail "the tool does not end"
	wait "$pid" || fail "it said: $(< "$CBW_TMP/said")"
}

has_locked() {
	grep -q "FLOCK .* $pid " /proc/locks
}

mirror_devices 32
chunk=128
start_writers

# What backups take mirrors take, too, but for what is about the point in time.
tool mirror cbw "$target" --no-wait --paused --sync full --workers 3 --max-copy 128K --min-speed 2M --target-latency 5ms \
	--on-source-error stop --on-target-error enospc --chunk 32K
assert_status state=paused reason=user
words=$(dmsetup table cbw)
for word in "workers 3" "max_copy 256" "min_speed 2048" "target_latency 5000" "on_source_error stop" "on_target_error enospc" paused; do
	[[ " $words " == *" $word "* ]] || fail "'$word' is not in the table: $words"
done
wrong_use 1 "the mirror of cbw is not ready, but paused, since somebody wanted it: .*" pivot cbw
tool cancel cbw
on "$origin"

# It may be the same already: then nothing is copied, but what is written.
stop_writers
tool mirror cbw "$target" --overwrite --quiet
tool cancel cbw
tool mirror cbw "$target" --overwrite --sync none --json > "$CBW_TMP/json"
assert_eq "$(json 'j[0]["sync"], j[0]["sweep_chunks"], j[0]["state"]' < "$CBW_TMP/json")" "('none', 0, 'ready')" "a mirror with --sync none"
start_writers
sleep 0.3
tool pivot cbw
on "$target"
tool mirror cbw "$origin" --pivot --quiet
on "$origin"

# Ready, it goes on without the tool.
tool mirror cbw "$target" --overwrite --copy-mode write-blocking 2> >(tee "$CBW_TMP/said" >&2)
grep -q "ready; 'cbw pivot' lets it go over" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
assert_eq "$(tool status cbw --json | json 'j[0]["state"], j[0]["job"]')" "('ready', 'mirror')" status
tool wait cbw --quiet
[[ $(tool repair) == *"its mirror goes on"* ]] || fail "repair does not know it"
wrong_use 1 "cbw has a job already: .*" mirror cbw "$target"
tool pause cbw
tool resume cbw
cbw_wait cbw ready
tool pivot cbw
on "$target"

# And back, in one go: beneath writers it comes to its end, since writes go to both devices from the beginning.
sleep 0.3
tool_begins mirror cbw "$origin" --pivot --quiet --speed 64K
retry 15 has_job || fail "there is no job"
[[ $(dmsetup table cbw) == *" copy_mode write-blocking"* ]] || fail "writes do not go to both devices"
tool speed cbw 0
ends_well
on "$origin"

# A pivot that is wanted too early waits, and has writes go to both devices, too.
tool mirror cbw "$target" --no-wait --speed 64K
tool_begins pivot cbw
retry 15 eval '[[ $(dmsetup table cbw) == *" copy_mode write-blocking"* ]]' || fail "writes do not go to both devices"
assert_status state=running
tool speed cbw 0
ends_well
on "$target"
tool mirror cbw "$origin" --pivot --quiet
on "$origin"

# Not ready: nothing. Ready: a copy of one instant, which is a backup.
fill_target
tool mirror cbw "$target" --speed 64K --no-wait
[[ $(cbw cancel cbw 2>&1) == *"was not ready"* ]] || fail "cancel does not say that it was not ready"
on "$origin"
says_nothing cbw list
fill_target
tool mirror cbw "$target" --quiet --copy-mode write-blocking
after=$(cbw-stamp now)
[[ $(cbw cancel cbw 2>&1) == *"was ready: target is a copy"* ]] || fail "cancel does not say that it was ready"
before=$(cbw-stamp now)
on "$origin"
sleep 0.3
stop_writers
check_pit
check_newest
assert_eq "$(tool list cbw --json | json 'len(j), j[0]["complete"], j[0]["target"], bool(j[0]["pit"])')" \
	"(1, True, '$target', True)" "what is known of the copy"
mk_linear third "$(mk_null third 33)" 0 "$length" > /dev/null
tool restore "$target" third
tool verify "$target" third
wrong_use 1 ".*holds the only complete backup of cbw; .*" mirror cbw "$target"
tool mirror cbw "$target" --no-wait --overwrite --paused
# What is written over is no backup any more.
says_nothing cbw list
tool cancel cbw

# --- another one watches --------------------------------------------------------------------------------------

tool_begins mirror cbw "$target" --speed 64K --quiet
retry 15 has_job || fail "there is no job"
tool cancel cbw
tool_ends 1 "cbw: the mirror of cbw was cancelled"
on "$origin"

tool_begins mirror cbw "$target" --speed 64K --quiet --pivot
retry 15 has_job || fail "there is no job"
tool cancel cbw
tool_ends 1 "cbw: the mirror of cbw was cancelled"
on "$origin"

tool mirror cbw "$target" --speed 64K --no-wait
tool_begins wait cbw --quiet
retry 15 has_locked || fail "it does not watch"
tool cancel cbw
tool_ends 1 "cbw: the mirror of cbw was cancelled"
on "$origin"

# One that waits for the last chunks lets go of it, and the copy is left.
tool mirror cbw "$target" --quiet
tool speed cbw 64K
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=4 oflag=direct status=none
tool_begins pivot cbw
retry 15 eval '[[ $(dmsetup table cbw) == *" copy_mode write-blocking"* ]]' || fail "writes do not go to both devices"
tool cancel cbw
tool_ends 1 "cbw: cbw is to stay where it is: somebody has cancelled its mirror"
on "$origin"
assert_same "$origin" "$target" $((length * 512))
assert_eq "$(cbw list cbw --json | json 'j[0]["complete"]')" True "what is known of the copy"

# One that goes over at this moment goes over, and that is said.
tool mirror cbw "$target" --overwrite --quiet
CBW_STEP=stop:2 tool_begins pivot cbw
retry 15 eval '[[ $(cut -d" " -f3 "/proc/$pid/stat") == T ]]' || fail "it does not stop"
wrong_use 1 "another cbw is at work on cbw" cancel cbw
kill -CONT "$pid"
ends_well
on "$target"
