# shellcheck shell=bash disable=SC2154 # picked is guest.sh's; options and fsck are the tests'
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that cut the power of a volume that jobs come and go on. After guest.sh:  . "${CBW_LIB%/*}/power.sh"
#
#     a file system, with files whose names and sums stand in $live/ledger
#     /dev/mapper/cbw     now and then with another job, or linear
#        |        \
#     $origin   $target

need_module dm_cbw
RANDOM=$CBW_SEED
live=$CBW_TMP/live stop=$CBW_TMP/stop

# --- what goes on on the volume --------------------------------------------------------------------------------

random_table() { # sets $table
	local chunk features
	pick 8 8 128 1024
	chunk=$picked
	pick full none
	features="sync $picked"
	pick 0 64 4096
	features+=" speed $picked"
	pick 1 4 16
	features+=" workers $picked"
	pick skip copy
	features+=" discard $picked"
	pick break-snapshot break-write
	features+=" on_cbw_error $picked"
	pick 1024 2048 8192
	table=$(cbw_table "$origin" "$target" "$chunk" "$features max_copy $picked")
	((RANDOM % 6)) || table="0 $(dev_sectors "$origin") linear $origin 0"
}

# Has a write met a pending chunk? change_jobs tells.
was_met() {
	[[ -e $CBW_TMP/met ]]
}

note_met() {
	! status_is cbw='[1-9]*' || touch "$CBW_TMP/met"
}

# Not all of this is possible at any time.
disturb() {
	case $((RANDOM % 6)) in
	0) pick pause resume cancel && dmsetup message cbw 0 "$picked" ;;
	1) pick 0 16 && dmsetup message cbw 0 speed "$picked" ;;
	2 | 3) pick --noflush --nolockfs && dmsetup suspend "$picked" cbw && sleep 0.0$((RANDOM % 10)) && dmsetup resume cbw ;;
	esac || true
}

change_jobs() {
	local table
	RANDOM=$((CBW_SEED + 1))
	while [[ ! -e $stop ]]; do
		random_table
		dmsetup load cbw --table "$table"
		pick --nolockfs --readahead=auto
		dmsetup resume "$picked" cbw
		sleep 0.$((RANDOM % 10))
		disturb
		sleep 0.$((RANDOM % 10))
		note_met
	done 2> "$CBW_TMP/jobs"
}

# Unflushed writes, in place: what the power may take, and what may not get in the way of what it must leave.
make_noise() {
	RANDOM=$((CBW_SEED + 2))
	while [[ ! -e $stop ]]; do
		dd if=/dev/urandom of="$live/noise" bs=4k seek=$((RANDOM % 256)) count=$((1 + RANDOM % 16)) conv=notrunc \
			oflag=direct status=none
		sleep 0.0$((RANDOM % 10))
	done
}

# A file is on record only when it is on the disk, and ACKNOWLEDGE gets its number only when so is the record. One
# process, as each new one takes a slow guest as long as all of this.
write_files() { # COUNT ACKNOWLEDGE...
	python3 - "$live" "$CBW_SEED" "$@" <<-'END'
		import hashlib, os, random, subprocess, sys
		os.chdir(sys.argv[1])
		rnd = random.Random(int(sys.argv[2]))

		def append(name, data):
		    with open(name, "ab") as file:
		        file.write(data)
		        file.flush()
		        os.fsync(file.fileno())

		for number in range(1, int(sys.argv[3]) + 1):
		    data = rnd.randbytes(rnd.choice((100, 5000, 100000, 300000)) + rnd.randrange(5000))
		    append(str(number), data)
		    append("ledger", f"{hashlib.sha256(data).hexdigest()}  {number}\n".encode())
		    subprocess.run(sys.argv[4:] + [str(number)], check=True)
	END
}

start_load() {
	change_jobs &
	jobs=$!
	make_noise &
	noise=$!
}

# For as long as the machine and the jobs, whose process is $jobs, live: without those there would be nothing to prove.
write_reported_files() {
	export jobs
	# Once echo has ended, the host has it.
	write_files 1000000 sh -c 'kill -0 "$jobs" && echo "$0" >> /run/out/acknowledged'
}

stop_load() {
	touch "$stop"
	wait "$jobs" || fail "the jobs: $(cat "$CBW_TMP/jobs")"
	wait "$noise"
}

# --- the power fails -------------------------------------------------------------------------------------------

log_devices() { # MIB: the origin is logged from its first write on
	need_module dm_log_writes loop
	mk_null disk "$1" > /dev/null
	mk_null log 1024 > /dev/null
	say dmsetup create origin --table "0 $(dev_sectors /dev/disk) log-writes /dev/disk /dev/log"
	origin=/dev/mapper/origin
	target=$(mk_null target "$1")
	mk_linear cbw "$origin" > /dev/null
}

mark=(dmsetup message origin 0 mark)

# What has not been flushed gets into the log only when the device goes.
close_log() { # DEVICE...: from the top; the last one is log-writes
	local device
	[[ $(dmsetup status "${*: -1}") != *logging_disabled* ]] || fail "the log is not whole: $(dmsetup status "${*: -1}")"
	for device; do
		say dmsetup remove --retry "$device"
	done
	blockdev --flushbufs /dev/log
}

check_crash() { # IMAGE NUMBER FSCK...: all files up to that number are there
	local got=$CBW_TMP/got
	mkdir -p "$got"
	mount -o loop "$1" "$got" || fail "cannot be mounted"
	cmp -n "$(head -n "$2" "$CBW_TMP/ledger" | wc -c)" "$got/ledger" "$CBW_TMP/ledger" || fail "the record is not whole"
	(($2 == 0)) || (cd "$got" && head -n "$2" "$CBW_TMP/ledger" | sha256sum --quiet -c) || fail "a file is not what was acknowledged"
	umount "$got"
	"${@:3}" "$1" > "$CBW_TMP/fsck" 2>&1 || fail "the file system is damaged: $(cat "$CBW_TMP/fsck")"
}

# Each on a copy, as the check recovers it.
check_points() { # COUNT FSCK...
	local image=$CBW_TMP/image copy=$CBW_TMP/copy done=0 from to number
	cbw-replay points /dev/log "$1" "$CBW_SEED" > "$CBW_TMP/points"
	[[ -s $CBW_TMP/points ]] || fail "the log has no point where the power could fail"
	truncate -s "$(blockdev --getsize64 /dev/disk)" "$image"
	while read -r from to number; do
		cbw-replay apply /dev/log "$image" "$done" "$from"
		done=$from
		cp --sparse=always "$image" "$copy"
		cbw-replay apply /dev/log "$copy" "$from" "$to" $((CBW_SEED + from))
		echo "+ the power fails at $from of $from-$to, after file $number"
		check_crash "$copy" "$number" "${@:2}"
	done < "$CBW_TMP/points"
}

prove_power() { # MIB FILES POINTS MKFS...  in $fsck: the command that finds nothing to repair
	log_devices "$1"
	say "${@:4}" /dev/mapper/cbw > /dev/null
	mkdir "$live"
	say mount -o "$options" /dev/mapper/cbw "$live"
	touch "$live/ledger"
	sync
	"${mark[@]}" 0
	start_load
	write_files "$2" "${mark[@]}"
	retry 60 was_met || fail "no write met a pending chunk"
	stop_load
	cp "$live/ledger" "$CBW_TMP/ledger"
	say umount "$live"
	close_log cbw origin
	check_points "$3" "${fsck[@]}"
}
