#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# timeout: 300
# needs: fio mkfs.xfs xfs_repair
# a view of a mounted XFS under load, mounted without recovery; a copy of it needs no repair
# shellcheck disable=SC2154 # the names are those of pit-fs.sh and view-fs.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit-fs.sh"
. "${CBW_LIB%/*}/view-fs.sh"

need_module loop
# It refuses to be smaller.
make_fs 320 mkfs.xfs -q
make_frozen_tree
begin_view 16
say mount -o ro,norecovery,nouuid /dev/mapper/view "$backup"
(cd "$backup/frozen" && sha256sum --quiet -c "$CBW_TMP/sums")
# Both are frozen or suspended, one after the other.
say dmsetup suspend cbw
say dmsetup suspend view
say dmsetup resume view
say dmsetup resume cbw
(cd "$backup/frozen" && sha256sum --quiet -c "$CBW_TMP/sums")
say umount "$backup"

# Even frozen, XFS leaves a record in the log: a mount of a copy that may be written to clears it up.
take_view
copy=$(losetup --find --show "$image")
say mount -o nouuid "$copy" "$backup"
(cd "$backup/frozen" && sha256sum --quiet -c "$CBW_TMP/sums")
say umount "$backup"
say xfs_repair -n "$copy"
losetup -d "$copy"
end_view
say umount "$live"
say xfs_repair -n "$origin"
