#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A rescue system, for tests/system/run: the root volume is destroyed, and restored from its backup
# timeout: 600
. "$CBW_LIB"
# shellcheck source=tests/system/steps.sh
. "$CBW_ROOT/tests/system/steps.sh"

need_module virtio_blk dm_cbw
export CBW_STATE=$CBW_TMP/state
root=/dev/mapper/vg0-root
backup=$(backup_of_root)

# The backup has been booted by now, and must still be what it was.
say lvremove -q -y vg1/boot
say lvchange --activate n "$backup"
say lvchange --setactivationskip y "$backup"
say lvchange -ay vg0/root
say cbw-stamp fill "$root" --seed "$CBW_SEED" --block 4096
! say blkid -p "$root" || fail "something is left of the root"

say cbw list
say cbw restore "$backup" vg0/root
say e2fsck -fn "$root"
vgchange -q -an vg0 vg1
