#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
# needs: fio mkfs.ext4 fsck.ext4
# a mounted ext4 under load: the backup is clean without a journal replay, and its files are right
# shellcheck disable=SC2154 # the names are those of pit-fs.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit-fs.sh"

make_fs 64 mkfs.ext4 -q
make_frozen_tree
back_up 128
say fsck.ext4 -fn "$target"
check_tree ro,noload
say umount "$live"
say fsck.ext4 -fn "$origin"
