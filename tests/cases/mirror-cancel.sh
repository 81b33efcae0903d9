#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# cancelled before it is ready a mirror is nothing; after that, a copy of one instant; the volume stays where it is
# timeout: 240
# tier: fast
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

mirror_devices 64
start_writers
load 64 "speed 1024"
resume
await_status state=running
say dmsetup message cbw 0 cancel
assert_status state=cancelled reason=user

pick background write-blocking
mirror 64 "copy_mode $picked"
end_mirror cancel
# The same table goes on, and writes to the origin only.
say dmsetup resume cbw
sleep 0.5
assert_status state=completed
check_stamps "$target" --after "$after" --before "$before" --chunk "${chunk}s"
[[ $result =~ after=[1-9] ]] || fail "no write came after the end of the job"
to_linear
stop_writers
check_newest
