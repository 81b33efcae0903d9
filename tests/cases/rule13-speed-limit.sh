#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the sweep keeps its limit within 5 %, whatever the sizes of chunks and copies
# tier: long
# clock: simulated
# timeout: 600
# shellcheck disable=SC2154 # the names are those of clock.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/clock.sh"

modelled_pair 2048

limits() { # CHUNK MAX-COPY
	local kib
	cbw_create cbw "$origin" "$target" "$1" "max_copy $2 speed 1024"
	for kib in 1024 10240 51200; do
		say dmsetup message cbw 0 speed $kib
		keeps_limit $kib
	done
	dmsetup remove cbw
}

limits 8 8
limits 8 2048
limits 128 128
limits 2048 2048
