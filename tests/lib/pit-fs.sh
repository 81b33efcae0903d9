# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that back up a mounted file system under load. After guest.sh:  . "${CBW_LIB%/*}/pit-fs.sh"
#
# The file system stands directly on the mapped device, so the resume freezes it: the backup is clean, not just
# crash-consistent. A tree that nobody changes tells whether the data is right, fio whether the live side stays so.

need_module dm_cbw
RANDOM=$CBW_SEED
live=$CBW_TMP/live backup=$CBW_TMP/backup stop=$CBW_TMP/stop

make_fs() { # MIB MKFS...: on /dev/mapper/cbw, mounted on $live
	origin=$(mk_null origin "$1" discard=1)
	target=$(mk_null target "$1")
	mk_linear cbw "$origin" > /dev/null
	say "${@:2}" /dev/mapper/cbw > /dev/null
	mkdir "$live" "$backup"
	say mount /dev/mapper/cbw "$live"
}

make_frozen_tree() {
	local i
	mkdir "$live/frozen"
	for i in {1..100}; do
		head -c $((RANDOM * 4)) /dev/urandom > "$live/frozen/$i"
	done
	(cd "$live/frozen" && sha256sum -- *) > "$CBW_TMP/sums"
}

# Small files come, change their names and go.
churn() {
	local i
	mkdir "$live/churn"
	for ((i = 0; ; i++)); do
		[[ ! -e $stop ]] || return 0
		head -c $((i % 64 * 512)) /dev/zero > "$live/churn/new"
		mv "$live/churn/new" "$live/churn/$((i % 50))"
		((i % 7)) || rm -f "$live/churn/$((i % 50))"
		((i % 11)) || sync -f "$live/churn"
	done
}

# Like a database: each pass writes at random and reads all of it back.
base() {
	while [[ ! -e $stop ]]; do
		fio --name=base --directory="$live" --rw=randrw --bs=8k --size=8m --fsync=16 --ioengine=psync --direct=1 \
			--verify=crc32c --verify_fatal=1 --randseed="$CBW_SEED" > "$CBW_TMP/fio" 2>&1 || return
	done
}

start_load() {
	base &
	base=$!
	churn &
	churn=$!
	retry 60 test -s "$live/base.0.0" -a -d "$live/churn"
	sleep 1
}

stop_load() {
	touch "$stop"
	wait "$base" || fail "fio: $(cat "$CBW_TMP/fio")"
	wait "$churn"
}

met_by_writes() {
	(($(cbw_field cbw cbw) >= 10))
}

# Live backup under the load, to its end.
back_up() { # CHUNK
	start_load
	say dmsetup load cbw --table "$(cbw_table "$origin" "$target" "$1" "speed 1")"
	say dmsetup resume cbw
	# The sweep leaves some for copy-before-write, however slowly the load comes.
	retry 60 met_by_writes || fail "no write met a pending chunk: $(dmsetup status cbw)"
	say dmsetup message cbw 0 speed 0
	cbw_wait cbw completed
	# The table goes, under the load as well: it holds the target device.
	say dmsetup load cbw --table "0 $(dev_sectors "$origin") linear $origin 0"
	say dmsetup resume cbw
	stop_load
	blockdev --flushbufs "$target"
}

check_tree() { # MOUNT-OPTIONS
	say mount -o "$1" "$target" "$backup"
	(cd "$backup/frozen" && sha256sum --quiet -c "$CBW_TMP/sums")
	[[ -s $backup/base.0.0 && -d $backup/churn ]] || fail "the backup lacks what was there at the point in time"
	say umount "$backup"
	(cd "$live/frozen" && sha256sum --quiet -c "$CBW_TMP/sums")
}
