#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# timeout: 240
# needs: fio mkfs.xfs xfs_repair
# a mounted XFS under load: the backup is clean, and its files are right
# shellcheck disable=SC2154 # the names are those of pit-fs.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit-fs.sh"

# It refuses to be smaller.
make_fs 320 mkfs.xfs -q
make_frozen_tree
back_up 128
# Even frozen, XFS leaves a record in the log and old free space counters in the superblock: a mount clears both up.
check_tree nouuid
say xfs_repair -n "$target"
say umount "$live"
say xfs_repair -n "$origin"
