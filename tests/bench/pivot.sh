#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# how long writes stand still when a volume goes over to the target device of its mirror, in either copy mode
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2034,SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

CBW_JOB=mirror
need_module dm_cbw

# Programs are started before: the clock leaps while they are read.
go_over() { # ROW MODE
	local pivot answer us
	disks modelled 1024
	device=$(mk_linear job "$origin")
	dmsetup load job --table "$(cbw_table "$origin" "$target" 128 "copy_mode $2")"
	"$CBW_ROOT/tests/bench/copy-time" job "${events[cbw]}"
	coproc pivot { "$CBW_ROOT/tests/bench/pivot-time" job "$target" "$(dev_sectors "$origin")"; }
	read -r answer <&"${pivot[0]}"
	assert_eq "$answer" waiting "what pivot-time says"
	start_measuring "$1" cbw 4 --bs=4k --rw=randwrite --norandommap --time_based --runtime=3s
	sleep 1
	echo >&"${pivot[1]}"
	read -r us <&"${pivot[0]}"
	wait "$fio"
	record "$1-suspended" cbw us "$us"
	[[ $(dmsetup table job) == *" linear "* ]] || fail "it has not gone over: $(dmsetup table job)"
	remove_dm
}

go_over pivot-both write-blocking
go_over pivot-behind background
