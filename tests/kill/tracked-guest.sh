#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tests/kill/tracked ends: an incremental backup, compared; then files are written while more of them come and go
# shellcheck disable=SC2034,SC2154 # the names are those of power.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/power.sh"

need_module virtio_blk
origin=/dev/vda target=/dev/vdb metadata=/dev/vdc
sectors=$(dev_sectors "$origin")

put() { # TABLE...
	dmsetup load cbw --table "0 $sectors cbw $*"
	dmsetup resume --readahead=auto cbw
}

backup() { # SYNC ['FEATURE ARGUMENTS']
	local words="sync $1 metadata $metadata ${2:-}"
	pick 8 128 1024
	put "$origin $target $picked backup $(wc -w <<< "$words") $words"
}

# Beneath the files. One may be complete before it is cancelled.
back_up_on() {
	RANDOM=$((CBW_SEED + 1))
	while :; do
		if ((RANDOM % 3 == 0)); then
			put "$origin - 8 track 2 metadata $metadata"
		fi
		pick 0 64 4096
		backup incremental "speed $picked"
		sleep 0.$((RANDOM % 10))
		if ((RANDOM % 2)); then
			dmsetup message cbw 0 cancel || true
		else
			dmsetup message cbw 0 speed 0
			cbw_wait cbw completed
		fi
		sleep 0.$((RANDOM % 10))
	done 2> "$CBW_TMP/jobs"
}

say dmsetup create cbw --table "0 $sectors cbw $origin - 8 track 2 metadata $metadata"
sync=incremental
[[ $(dmsetup message cbw 0 changed) != "- "* ]] || sync=full
backup $sync
cbw_wait cbw completed
cmp <(dd if="$origin" bs=1M iflag=direct status=none) <(dd if="$target" bs=1M iflag=direct status=none) ||
	fail "an $sync backup is not the origin: $(dmsetup status cbw)"
echo $sync >> /run/out/proven

mkdir "$live"
say mount /dev/mapper/cbw "$live"
rm -f "$live"/[0-9]* "$live/ledger"
touch "$live/ledger"
back_up_on &
make_noise &
# Once echo has ended, the host has it.
write_files 1000000 sh -c 'echo "$0" >> /run/out/acknowledged'
