#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a file system in a file on a file system on cbw keeps its data, and the backup its own, when memory is short
# memory: 448M
# tier: long
# timeout: 400
# shellcheck disable=SC2154 # the names are those of pressure.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pressure.sh"

outer=$CBW_TMP/outer inner=$CBW_TMP/inner
mkdir "$outer" "$inner"
need_module loop
filled_pair 64

say mkfs.ext4 -q -m 0 -E nodiscard,lazy_itable_init=0 /dev/mapper/cbw
say mount /dev/mapper/cbw "$outer"
say fallocate -l 52M "$outer/image"
loop=$(say losetup --find --show "$outer/image")
say mkfs.ext4 -q -m 0 -E nodiscard,lazy_itable_init=0 "$loop"
say mount "$loop" "$inner"
sync

under_pressure() { # COMMAND...: what it writes stays dirty no longer than the hog allows
	"$@" > "$CBW_TMP/output" 2>&1 &
	local pid=$!
	until gone $pid; do
		hog $(($(free_mib) - 32))
	done
	wait $pid || fail "$(< "$CBW_TMP/output")"
}

begin_job 8
under_pressure fio --name=load --filename="$inner/file" --rw=randwrite --bs=16k --size=40m --ioengine=psync \
	--verify=crc32c --randseed="$CBW_SEED" --end_fsync=1
say umount "$inner"
say losetup -d "$loop"
say umount "$outer"
prove_backup 9000
