#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
# needs: fio mkfs.ext4 fsck.ext4 tar rsync restic qemu-img qemu-nbd nbdkit
# a view of a mounted ext4 under load: fsck, tar, rsync, restic, qemu-nbd and nbdkit all find the same, and it is right
# shellcheck disable=SC2154 # the names are those of pit-fs.sh and view-fs.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit-fs.sh"
. "${CBW_LIB%/*}/view-fs.sh"

by_tar() {
	mkdir "$CBW_TMP/tar"
	tar -C "$backup" -cf - . | tar -C "$CBW_TMP/tar" -xf -
	right_tree "$CBW_TMP/tar"
}

by_rsync() {
	say rsync -a "$backup/" "$CBW_TMP/rsync"
	right_tree "$CBW_TMP/rsync"
}

by_restic() {
	export RESTIC_PASSWORD=test RESTIC_REPOSITORY=$CBW_TMP/repository RESTIC_CACHE_DIR=$CBW_TMP/cache
	say restic init --quiet
	(cd "$backup" && say restic backup --quiet .)
	say restic restore latest --quiet --target "$CBW_TMP/restic"
	right_tree "$CBW_TMP/restic"
	rm -rf "$RESTIC_REPOSITORY" "$RESTIC_CACHE_DIR"
}

by_qemu() {
	say qemu-nbd --read-only --format=raw --socket="$CBW_TMP/qemu" --fork /dev/mapper/view
	say qemu-img convert -O raw "nbd+unix:///?socket=$CBW_TMP/qemu" "$CBW_TMP/qemu.img"
	same_as_view "$CBW_TMP/qemu.img"
}

by_nbdkit() {
	say nbdkit --readonly --unix "$CBW_TMP/nbdkit" --pidfile "$CBW_TMP/pid" file /dev/mapper/view
	say qemu-img convert -O raw "nbd+unix:///?socket=$CBW_TMP/nbdkit" "$CBW_TMP/nbdkit.img"
	kill "$(< "$CBW_TMP/pid")"
	same_as_view "$CBW_TMP/nbdkit.img"
}

make_fs 64 mkfs.ext4 -q
make_frozen_tree
begin_view 128
say fsck.ext4 -fn /dev/mapper/view
take_view
say mount -o ro,noload /dev/mapper/view "$backup"
by_tar
by_rsync
by_restic
say umount "$backup"
by_qemu
by_nbdkit
end_view
say umount "$live"
say fsck.ext4 -fn "$origin"
