#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with release safe, as many writes as the buffer has room for, on a target device as fast as the origin or a tenth of that
# timeout: 600
# clock: simulated
# shellcheck disable=SC2034,SC2154 # the names are those of bench.sh, or are read there
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw

burst() { # CONTENDER MIB/S
	disks modelled 3072 "$2"
	set_up safe 64
	measure burst "$1" 4 --bs=4k --rw=write:60k --number_ios=200
	remove_dm
}

burst fast 1000
burst cbw 100
