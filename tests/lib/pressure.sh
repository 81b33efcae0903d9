# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that run in a machine with little memory. After guest.sh:  . "${CBW_LIB%/*}/pressure.sh"
#
# The disks live in the same memory. They have all they will need before it becomes short: each block of them was
# written once, and to write it again takes no more.

# shellcheck disable=SC2034 # read by the tests
filled_pair() { # MIB: $origin and $target, /dev/mapper/cbw is linear
	local disk
	need_module dm_cbw
	origin=$(mk_null origin "$1")
	target=$(mk_null target "$1")
	for disk in "$origin" "$target"; do
		dd if=/dev/urandom of="$disk" bs=1M count="$1" oflag=direct status=none
	done
	mk_linear cbw "$origin" > /dev/null
}

checksum() { # DEVICE
	dd if="$1" bs=1M iflag=direct status=none | sha256sum
}

begin_job() { # CHUNK: every chunk is pending; $pit is the checksum of the point in time
	say dmsetup load cbw --table "$(cbw_table "$origin" "$target" "$1" "paused cbw_timeout 0")"
	say dmsetup suspend cbw
	pit=$(checksum "$origin")
	say dmsetup resume cbw
}

prove_backup() { # CHUNKS: so many at least were saved by copy-before-write
	dmsetup status cbw
	(($(cbw_field cbw cbw) >= $1)) || fail "only $(cbw_field cbw cbw) chunks were saved by copy-before-write"
	say dmsetup message cbw 0 resume
	cbw_wait cbw completed
	assert_eq "$(checksum "$target")" "$pit" "the backup"
}

free_mib() {
	awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo
}

hog() { # MIB: takes and proves so much memory
	say python3 "${CBW_LIB%/*}/hog.py" "$1" "$CBW_SEED"
}
