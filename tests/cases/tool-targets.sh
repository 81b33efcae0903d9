#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what a target carries, who uses it and what it stands on is found and named before anything is written
# timeout: 600
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

untouched() { # REGEX OPTION...: refused, and the target stays as it is
	local before after
	before=$(sum_of "$disk" 1048576)
	refused "$1" cbw backup vg0/data "$disk" "${@:2}"
	after=$(sum_of "$disk" 1048576)
	assert_eq "$after" "$before" "checksum of the target"
}

clear_disk() {
	dd if=/dev/zero of="$disk" bs=1M oflag=direct status=none || true
}

need_module loop
make_vg vg0 32
lv=$(make_lv vg0/data 16)
mk_linear above "$lv" > /dev/null
refused 'above stands on /dev/mapper/vg0-data' cbw backup vg0/data above --force
dmsetup remove above

make_file_system "$lv" "$CBW_TMP/data"
disk=$(mk_null disk 17)
small=$(mk_null small 8)

refused 'too small: it has 8388608 bytes' cbw backup vg0/data "$small" --force
refused 'is the volume itself' cbw backup vg0/data vg0/data --force
refused 'holds the data of /dev/mapper/vg0-data' cbw backup vg0/data /dev/disk-vg0 --force

# A file on the volume's own file system, and a device that is one.
refused 'x.img stands on /dev/mapper/vg0-data' cbw backup vg0/data --to "$CBW_TMP/data/x.img" --force
truncate -s 17M "$CBW_TMP/data/loop.img"
loop=$(losetup --find --show "$CBW_TMP/data/loop.img")
refused 'loop[0-9]* stands on /dev/mapper/vg0-data' cbw backup vg0/data "$loop" --force
losetup -d "$loop"
rm "$CBW_TMP/data/loop.img"

blockdev --setro "$disk"
untouched 'is read-only' --force
blockdev --setrw "$disk"
mk_linear user "$disk" > /dev/null
untouched 'in use by /dev/mapper/user; --force'
dmsetup remove user
mkswap "$disk" > /dev/null
untouched 'carries swap'
swapon "$disk"
untouched 'in use as swap' --force
swapoff "$disk"
clear_disk
pvcreate -q "$disk" > /dev/null
untouched 'carries a physical volume of LVM; --force'
clear_disk
# One partition of type 83, from sector 2048 on.
{ printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x10\0\0' && head -c 48 /dev/zero && printf '\x55\xaa'; } |
	dd of="$disk" bs=1 seek=446 status=none
untouched 'carries a partition table \(dos\); --force'
clear_disk
mkfs.ext4 -q -U 12345678-1234-1234-1234-123456789abc "$disk"
untouched 'carries ext4 \(UUID 12345678-1234-1234-1234-123456789abc\); --force'
mkdir "$CBW_TMP/other"
# Read-only, since of a file system in use more may be written at any moment.
mount -o ro "$disk" "$CBW_TMP/other"
untouched "is mounted on $CBW_TMP/other" --force
mount -o remount,rw "$CBW_TMP/other"
echo precious > "$CBW_TMP/other/file"
refused 'other/file is there, and is no backup' cbw backup vg0/data --to "$CBW_TMP/other/file"
assert_eq "$(< "$CBW_TMP/other/file")" precious 'content of the file'
umount "$CBW_TMP/other"

echo "UUID=$(blkid -s UUID -o value -p "$lv") / ext4 defaults 0 1" >> /etc/fstab
output=$(say cbw backup vg0/data "$disk" --force --quiet 2>&1)
grep -q 'warning: /etc/fstab names the UUID' <<< "$output" || fail "no warning of the UUID: $output"
assert_detached vg0-data

# It carries what the backup has, so that needs no force; but it is all there is.
untouched 'holds the only complete backup of vg0/data; --overwrite' --force
say cbw backup vg0/data "$disk" --overwrite --quiet
assert_detached vg0-data

# Two disks with the same content, always, are two disks, whichever has the name.
if ! { modprobe -q sd_mod && modprobe -q scsi_debug dev_size_mb=24 add_host=2 num_parts=1 delay=0; }; then
	lacks scsi_debug
	exit 0
fi
partitions() {
	compgen -G '/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*/sd*1' | sed 's,.*/,/dev/,'
}
both_there() {
	(($(partitions | wc -l) == 2))
}
retry 30 both_there || fail "no partitions"
mapfile -t parts < <(partitions)
say cbw attach vg0/data
ln -s "${parts[0]}" "$CBW_TMP/disk"
say cbw backup vg0/data "$CBW_TMP/disk" --quiet
say cbw backup vg0/data "$CBW_TMP/disk" --sync incremental --quiet
ln -sfn "${parts[1]}" "$CBW_TMP/disk"
refused 'disk is not the device, or no longer holds, the backup of vg0/data' cbw backup vg0/data "$CBW_TMP/disk" --sync incremental
say cbw backup vg0/data "${parts[0]}" --sync incremental --quiet
[[ $(cbw list --json | python3 -c 'import json, sys; print([r["device"] for r in json.load(sys.stdin)])') =~ \'[a-z0-9]+\.[^\']+\ partition\ 1\  ]] ||
	fail "the records are $(cbw list --json)"
say cbw detach vg0/data
