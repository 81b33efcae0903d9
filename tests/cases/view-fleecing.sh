#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 2 GiB of a busy device are backed up through a view that releases, by a target device that never holds a fifth of it
# tier: long
# memory: 8G
# timeout: 1800
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh and view.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/view.sh"

used_mib() {
	du -m "$CBW_TMP/target.img" | cut -f1
}

# As a backup program does: read a piece, keep it, tell that it was read.
back_up() { # PIECE
	local at piece=$1 bytes=$((length * 512)) most=0
	for ((at = 0; at < bytes; at += piece)); do
		dd if=/dev/mapper/view bs="$piece" skip=$((at / piece)) count=1 iflag=direct,fullblock status=none
		blkdiscard --offset "$at" --length "$((at + piece < bytes ? piece : bytes - at))" /dev/mapper/view
		most=$(($(used_mib) > most ? $(used_mib) : most))
	done
	echo "$most" > "$CBW_TMP/most"
}

need_module loop
length=$((2 << 21))
origin=$(mk_null origin 2048 discard=1)
mk_linear cbw "$origin" > /dev/null
cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED"
target=$(mk_loop target 2G)
start_writers --max 64K --within 1G
load 128 "sync none"
resume
say dmsetup create view --table "0 $length cbw-snapshot $origin 1 release"
back_up $((16 << 20)) > "$CBW_TMP/image"
stop_writers
most=$(< "$CBW_TMP/most")
echo "at most $most MiB of the target device were in use; $(dmsetup status cbw)"
check_stamps "$CBW_TMP/image" --after "$after" --before "$before"
((most * 5 < 2048)) || fail "$most MiB of the target device were in use"
(($(cbw_field cbw cbw) > 0)) || fail "no write met a pending chunk"
