#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tests/kill/tracked ends: incremental backups, compared; then files are written while more of them come and go
# shellcheck disable=SC2034,SC2154 # the names are those of power.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/power.sh"

need_module virtio_blk
length=131072 metadata_length=2048	# sectors

use() { # ORIGIN TARGET METADATA
	origin=$1 target=$2 metadata=$3
}

put() { # TABLE...
	dmsetup load cbw --table "0 $length cbw $*"
	dmsetup resume --readahead=auto cbw
}

backup() { # SYNC ['FEATURE ARGUMENTS']
	local words="sync $1 metadata $metadata ${2:-}"
	pick 8 128 1024
	put "$origin $target $picked backup $(wc -w <<< "$words") $words"
}

# A backup of what is there, on the target device of the one before; a map that has been lost needs a full one.
prove() {
	local sync=incremental
	say dmsetup create cbw --table "0 $length cbw $origin - 8 track 2 metadata $metadata"
	[[ $(dmsetup message cbw 0 changed) != "- "* ]] || sync=full
	backup $sync
	cbw_wait cbw completed
	cmp <(dd if="$origin" bs=1M iflag=direct status=none) <(dd if="$target" bs=1M iflag=direct status=none) ||
		fail "an $sync backup is not the origin: $(dmsetup status cbw)"
	echo $sync >> /run/out/proven
}

# They begin to count writes with the device, as a disk does when it is discovered.
prove_copy() { # NUMBER
	use "$(mk_linear origin /dev/vdd $(($1 * length)) $length)" \
		"$(mk_linear target /dev/vde $(($1 * length)) $length)" \
		"$(mk_linear metadata /dev/vdf $(($1 * metadata_length)) $metadata_length)"
	prove
	dmsetup remove --retry cbw
	dmsetup remove --retry origin
	dmsetup remove --retry target
	dmsetup remove --retry metadata
}

phase() { # WORD: for the host, what is going on
	echo "$1" > /run/out/phase
}

# Beneath the files. One may be complete before it is cancelled.
back_up_on() {
	RANDOM=$((CBW_SEED + 1))
	while :; do
		if ((RANDOM % 3 == 0)); then
			phase track
			put "$origin - 8 track 2 metadata $metadata"
		fi
		pick 0 64 4096
		phase point-in-time
		backup incremental "speed $picked"
		phase running
		sleep 0.$((RANDOM % 10))
		if ((RANDOM % 2)); then
			phase cancel
			dmsetup message cbw 0 cancel || true
			dmsetup message cbw 0 changed > /dev/null
		else
			phase complete
			dmsetup message cbw 0 speed 0
			cbw_wait cbw completed
		fi
		sleep 0.$((RANDOM % 10))
	done 2> "$CBW_TMP/jobs"
}

for ((copy = 0; copy < $(< /run/out/copies); copy++)); do
	prove_copy $copy
done
use /dev/vda /dev/vdb /dev/vdc
prove

mkdir "$live"
say mount /dev/mapper/cbw "$live"
rm -f "$live"/[0-9]* "$live/ledger"
touch "$live/ledger"
back_up_on &
jobs=$!
make_noise &
write_reported_files
