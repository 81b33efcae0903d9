#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the tool moves a volume beneath writers to another device and back; cancelled, it says what the target device is worth
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

on() { # DEVICE: the volume is linear on it, and nothing is left behind
	volume_is_own "0 $length linear $(lsblk -dno MAJ:MIN "$1" | tr -d ' ') 0"
}

mirror_devices 32
chunk=128
start_writers

# Ready, it goes on without the tool.
tool mirror cbw "$target" --copy-mode write-blocking 2> >(tee "$CBW_TMP/said" >&2)
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

# And back, in one go.
sleep 0.3
tool mirror cbw "$origin" --pivot --copy-mode write-blocking --quiet
on "$origin"
sleep 0.3

# Not ready: nothing. Ready: a copy of one instant.
tool mirror cbw "$target" --speed 64K --no-wait
[[ $(cbw cancel cbw 2>&1) == *"was not ready"* ]] || fail "cancel does not say that it was not ready"
on "$origin"
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
