#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an origin whose file system was mounted while nobody looked, or that is another one, has no map any more, whatever it has counted
# tier: long
# timeout: 600
# needs: mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat
# shellcheck disable=SC2154 # the name is that of guest.sh
. "$CBW_LIB"

#     /dev/mapper/cbw
#        |       \        \
#     origin     target    metadata
#        |
#     base              a new origin has counted no write yet, as after a boot

need_module dm_cbw
point=$CBW_TMP/point
mkdir "$point"
metadata=$(mk_null metadata 1)

attach() {
	mk_linear origin "$base" > /dev/null
	say dmsetup create cbw --table "0 $sectors cbw /dev/mapper/origin - 128 track 2 metadata $metadata"
}

detach() { # and nothing of this time is known any more
	say dmsetup remove --retry cbw
	say dmsetup remove --retry origin
	rmmod dm_cbw
	load_cbw
}

put() { # TABLE...
	dmsetup load cbw --table "$*"
	dmsetup resume cbw
}

generation() {
	dmsetup message cbw 0 changed | cut -d' ' -f1
}

# A full backup beneath the file system, which is unmounted then. Sets $now.
back_up() { # MOUNT-OPTIONS
	say mount -o "$1" /dev/mapper/cbw "$point"
	put "0 $sectors cbw /dev/mapper/origin $target 128 backup 2 metadata $metadata"
	cbw_wait cbw completed
	date > "$point/file"
	umount "$point"
	now=$(generation)
	detach
}

goes_on() {
	attach
	assert_eq "$(generation)" "$now" generation
	detach
}

is_void() { # WHAT-WAS-DONE
	klog_anew
	attach
	assert_eq "$(generation)" - "the generation after $1"
	klog_expect 'begins anew: the origin was written to meanwhile'
	expect_fail 'needs a full backup' dmsetup load cbw --table "0 $sectors cbw /dev/mapper/origin $target 128 backup 4 sync incremental metadata $metadata"
}

crash() { # what is on them is what was there while the file system was in use
	dd if="$CBW_TMP/base" of="$base" bs=1M oflag=direct status=none
	dd if="$CBW_TMP/metadata" of="$metadata" bs=64k oflag=direct status=none
}

write_unseen() { # MOUNT-OPTIONS: mounts the origin unattached, which recovers what has to be
	mk_linear unseen "$base" > /dev/null
	say mount -o "$1" /dev/mapper/unseen "$point"
	date > "$point/unseen"
	umount "$point"
	dmsetup remove --retry unseen
}

prove() { # KIND MIB MOUNT-OPTIONS MKFS...
	local now base target sectors
	modprobe -q "$1" || {
		lacks "$1"
		return
	}
	base=$(mk_null base "$2") target=$(mk_null target "$2")
	sectors=$(dev_sectors "$base")
	dd if=/dev/zero of="$metadata" bs=4k count=1 oflag=direct status=none
	"${@:4}" "$base" > "$CBW_TMP/mkfs" 2>&1 || fail "$(< "$CBW_TMP/mkfs")"
	blockdev --flushbufs "$base"
	attach
	back_up "$3"
	goes_on
	# What only reads changes nothing.
	dd if="$base" of=/dev/null bs=1M iflag=direct status=none
	goes_on
	# Its counter begins anew, as that of the origin does.
	write_unseen "$3"
	is_void "a mount of $1"
	back_up "$3"
	goes_on
	# One that was not unmounted, and is recovered.
	attach
	say mount -o "$3" /dev/mapper/cbw "$point"
	date > "$point/crash"
	sync -f "$point"
	dd if="$base" of="$CBW_TMP/base" bs=1M iflag=direct status=none
	dd if="$metadata" of="$CBW_TMP/metadata" bs=64k iflag=direct status=none
	umount "$point"
	detach
	crash
	goes_on
	crash
	write_unseen "$3"
	is_void "a recovery of $1"
	detach
	rm "$CBW_TMP/base" "$CBW_TMP/metadata"
	rmdir "$nulls/base" "$nulls/target"
}

prove ext4 16 defaults mkfs.ext4 -q
prove vfat 64 defaults mkfs.vfat -F 32 -s 1
prove btrfs 128 defaults mkfs.btrfs -q
prove xfs 320 nouuid mkfs.xfs -q -f

# Another disk of the same size, and a shorter one.
base=$(mk_null base 16) target=$(mk_null target 16) other=$(mk_null other 16)
sectors=$(dev_sectors "$base")
dd if=/dev/zero of="$metadata" bs=4k count=1 oflag=direct status=none
mkfs.ext4 -q "$base"
mkfs.ext4 -q "$other"
blockdev --flushbufs "$base"
blockdev --flushbufs "$other"
attach
back_up defaults
base=$other
is_void "its replacement"
detach
sectors=$((sectors - 128))
mk_linear origin "$base" > /dev/null
expect_fail 'Metadata of another length or chunk size: zero the first 4 KiB of the device' \
	dmsetup create cbw --table "0 $sectors cbw /dev/mapper/origin - 128 track 2 metadata $metadata"
