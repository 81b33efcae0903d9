#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# bios and allocations fail at random beneath jobs that come, go and are torn away: what is completed is right all the same
# tier: core
# kernel: debug
# timeout: 400
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/inject.sh"
. "${CBW_LIB%/*}/pit.sh"

ignore="on_source_error ignore on_target_error ignore on_cbw_error break-write speed 64 max_copy 64"

# They end in mid-copy, each in another way.
torn_jobs() {
	local round
	for round in {1..6}; do
		load 16 "$ignore"
		resume
		sleep 0.$((RANDOM % 5))
		case $((round % 3)) in
		0) dmsetup message cbw 0 cancel ;;
		1) dmsetup suspend cbw ;;
		esac
		to_linear
	done
}

copies_failed() {
	(($(cbw_field cbw source_errors) + $(cbw_field cbw target_errors) > 5))
}

need_failing_allocations
need_failing_bios
null_devices 16
# What they leave alone keeps the jobs from their end.
start_writers --max 256K --allow-errors --within 12M
fail_allocations $((RANDOM % 20 + 2))
fail_bios $((RANDOM % 20 + 5)) origin target
torn_jobs
load 16 "$ignore"
resume
retry 30 copies_failed || fail "no copy has failed: $(dmsetup status cbw)"
# Before the end: a flush that fails there fails the job, rightly.
fail_no_bio origin target
fail_no_allocation
dmsetup message cbw 0 speed 0
cbw_wait cbw completed
stop_writers
check_pit
check_newest
