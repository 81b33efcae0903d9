#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what takes the table away from under held writes lets them go, and the removal goes through
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

fault_pair 4
taken() { # COMMAND...
	cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout 15000"
	hang target
	begin_put 3
	begin_put 3
	writer=$!
	await_status held=2
	# The device may still be open, and then it stays, with a table of errors.
	with_deadline 60 "$@" || true
	retry 30 gone $writer || fail "a write is still held"
	retry 30 eval '! dmsetup table cbw 2>/dev/null | grep -q cbw' || fail "the table is still there"
	unhang target
	wait
	[[ ! -e /dev/mapper/cbw ]] || dmsetup remove --retry cbw
	retry 10 module_unused dm_cbw || fail "the module is still in use"
}

taken dmsetup remove --force cbw
taken dmsetup wipe_table cbw
taken dmsetup wipe_table --noflush --nolockfs cbw
taken eval 'dmsetup load cbw --table "0 8192 linear $origin 0" && dmsetup resume --noflush --nolockfs cbw'
