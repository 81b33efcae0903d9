#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with udev, volumes of each kind are backed up beneath writers, or refused; to udev they stay what they were
# tier: long
# timeout: 900
# memory: 3G
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/udev.sh"
. "${CBW_LIB%/*}/pit.sh"

chunk=128

# The job is put under $2, which is what the writers write to, or a part of that.
prove() { # VOLUME [PART [WRITER-OPTION]...]
	local part=${2:-$1} table known
	volume=$1
	rm -f "$log"
	length=$(dev_sectors "/dev/mapper/$1")
	cbw-stamp fill "/dev/mapper/$1" --seed "$CBW_SEED"
	fill_target
	table=$(dmsetup table --showkeys "$part")
	known=$(known_to_udev "$part")

	start_writers "${@:3}"
	after=$(cbw-stamp now)
	tool backup "$part" "$target" --overwrite --force --no-wait
	before=$(cbw-stamp now)
	tool wait "$part"
	sleep 0.5
	stop_writers
	volume_is_own "$table" "$part"
	check_pit
	check_stamps "/dev/mapper/$1" --final
	assert_eq "$(known_to_udev "$part")" "$known" "what udev knows of $part"
}

refuse() { # VOLUME TARGET-TYPE
	local table
	table=$(dmsetup table "$1")
	wrong_use 1 "$1 has the target '$2', which keeps state that two tables must not share: .*" backup "$1" "$target" --force
	volume_is_own "$table" "$1"
}

make() { # LVCREATE-ARGUMENT...
	say lvcreate -q -y "$@" > /dev/null
}

start_udev
make_groups 96
target=$(mk_null target 17)

# Device-mapper splits a write between stripes, blocks of a pool, chunks of a snapshot, and the point in time may lie
# between the parts.
split=2s

make -L 16M -n linear vg0
prove vg0-linear
make -L 16M -n striped -i 2 vg0
one_bio=$split prove vg0-striped

# Device-mapper has dm-crypt's key in its table; what has it in the keyring is refused.
need_module dm_crypt
key=$(head -c 64 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
dmsetup create crypt --table "0 $(dev_sectors /dev/vg0/linear) crypt aes-xts-plain64 $key 0 /dev/vg0/linear 0"
# What it has discarded is neither stamps nor zeroes.
prove crypt crypt --discard 0
dmsetup remove crypt

# With a snapshot of its own, which keeps showing what was there before.
shown=$(sum_of /dev/vg0/linear 16777216)
make -s -L 20M -n before vg0/linear
# Discards are not for the origin of a snapshot.
one_bio=$split prove vg0-linear vg0-linear --discard 0
assert_eq "$(sum_of /dev/vg0/before 16777216)" "$shown" "what LVM's snapshot shows"
refuse vg0-before snapshot
lvremove -q -y vg0/before

make --type thin-pool -L 20M -n pool vg0
make -V 16M -n thin --thinpool vg0/pool
one_bio=$split prove vg0-thin

# An image of raid1 is all of it, and has the superblocks elsewhere.
need_module dm_raid
make --type raid1 -m 1 --nosync -L 16M -n raid vg0
refuse vg0-raid raid
prove vg0-raid vg0-raid_rimage_0
