#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# reads of the view, where all is pending and where nothing is
# timeout: 1800
# clock: simulated
# shellcheck disable=SC2034,SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw

look() { # ROW CONTENDER
	local depth
	for depth in 16 1; do
		measure "$1-qd$depth" "$2" $depth --bs=4k --rw=randread --number_ios=40960
	done
}

mk_view() {
	dmsetup create view --readonly --table "0 $(dev_sectors "$origin") cbw-snapshot $origin"
	device=/dev/mapper/view
}

for model in "${models[@]}"; do
	disks "$model" 1024
	set_up linear
	look view-pending linear
	look view-saved linear
	remove_dm

	set_up cbw 64
	mk_view
	look view-pending cbw
	remove_dm

	cbw_create cbw "$origin" "$target" 128
	cbw_wait cbw completed
	mk_view
	look view-saved cbw
	remove_dm
done
