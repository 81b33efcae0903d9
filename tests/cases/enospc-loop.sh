#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an image file on a full file system stops the job; once there is space the job goes on to its end
# timeout: 240
# shellcheck disable=SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

disk=$CBW_TMP/disk

# With 8 MiB for an image of 16, of which nothing is allocated yet.
full_loop() {
	mk_null disk 64 blocksize=4096 > /dev/null
	say mkfs.ext4 -q -b 4096 -m 0 /dev/disk
	mkdir "$disk"
	say mount /dev/disk "$disk"
	truncate -s 16M "$disk/image"
	fallocate -l 8M "$disk/later"
	dd if=/dev/zero of="$disk/rest" bs=64k status=none oflag=direct 2> /dev/null || true
	rm "$disk/later"
	# Buffered it would say that all is well, and direct it knows why not.
	loop=$(losetup --find --show --direct-io=on --sector-size 4096 "$disk/image")
	assert_eq "$(losetup --noheadings -O DIO "$loop" | xargs)" 1 "direct I/O of the loop device"
}

need_module loop
fault_pair 16
full_loop
runs_out_of_space "$loop" 256

rm "$disk/rest"
goes_on_with_space "$loop" 256
losetup -d "$loop"
