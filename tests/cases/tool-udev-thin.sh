#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a thin volume is backed up while dmeventd extends its pool, which is nearly full, beneath writers
# tier: long
# timeout: 600
# memory: 3G
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/udev.sh"
. "${CBW_LIB%/*}/pit.sh"

pool_size() { # prints MiB
	lvs --noheadings --units m --nosuffix -o lv_size vg0/pool | cut -d. -f1 | tr -d ' '
}

has_grown() {
	(($(pool_size) > 20))
}

start_udev
make_groups 96
target=$(mk_null target 17)
lvcreate -q -y --type thin-pool -L 20M -n pool vg0
lvcreate -q -y -V 16M -n thin --thinpool vg0/pool
lvcreate -q -y -V 16M -n other --thinpool vg0/pool
assert_eq "$(lvs --noheadings -o seg_monitor vg0/pool | xargs)" monitored "the pool"

# The pool has room for 4 MiB more, and dmeventd extends it when there is 1 MiB less.
volume=vg0-thin chunk=128
length=$(dev_sectors /dev/vg0/thin)
cbw-stamp fill /dev/vg0/thin --seed "$CBW_SEED"
fill_target
table=$(dmsetup table vg0-thin)
known=$(known_to_udev vg0-thin)
assert_eq "$(pool_size)" 20 "MiB of the pool"

# What they leave alone is the sweep's, which takes two minutes for it.
start_writers --within 8M
after=$(cbw-stamp now)
tool backup vg0-thin "$target" --force --no-wait --speed 64K
before=$(cbw-stamp now)
with_deadline 120 fill /dev/vg0/other 12
retry 60 has_grown || fail "dmeventd does not extend the pool"
lvs -a 2>&1
assert_eq "$(dmsetup status vg0-thin | cut -d' ' -f3,4)" "cbw running" "the job"
tool speed vg0-thin 0
tool wait vg0-thin --quiet
stop_writers
volume_is_own "$table" vg0-thin
assert_eq "$(known_to_udev vg0-thin)" "$known" "what udev knows of the volume"
# Device-mapper splits a write between blocks of the pool, and the point in time may lie between the parts.
one_bio=2s
check_pit
check_stamps /dev/vg0/thin --final
lvs -a > "$CBW_TMP/output" 2>&1
! grep -E 'WARNING|XX' "$CBW_TMP/output" || fail "LVM complains"
