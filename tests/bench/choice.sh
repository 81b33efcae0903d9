#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what the sweep does with other settings than its own, alone and beneath small reads and writes
# timeout: 3600
# clock: simulated
# shellcheck disable=SC2034,SC2154 # the names are those of bench.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/bench.sh"

need_module dm_cbw

prepare() { # CHUNK 'FEATURE ARGUMENTS'
	device=$(mk_linear job "$origin")
	dmsetup load job --table "$(cbw_table "$origin" "$target" "$1" "$2")"
}

choose() { # NAME CHUNK 'FEATURE ARGUMENTS'
	prepare "$2" "$3"
	sweep "choice-$1" cbw
	remove_dm
	prepare "$2" "$3"
	sweep_busy "choice-$1-busy" cbw
	remove_dm
}

disks modelled 1024
choose 64k 128 ""
choose 4k 8 ""
choose 1m 2048 ""
for workers in 1 4 64; do
	choose workers-$workers 128 "workers $workers"
done
choose copies-64k 128 "max_copy 128"
choose copies-256k 128 "max_copy 512"
choose limited 128 "speed 204800"
