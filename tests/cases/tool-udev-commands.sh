#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with udev, what LVM does to a mounted volume beneath a job is harmless, or the backup fails; nothing is lost
# tier: long
# timeout: 1500
# needs: mkfs.ext4 fsck.ext4
# memory: 3G
. "$CBW_LIB"
. "${CBW_LIB%/*}/udev.sh"

mounted=$CBW_TMP/data
another='somebody else has given the volume another table'
gone='the volume is gone'

begin() {
	printf '+ cbw backup vg0/data %s --speed 64K &\n' "$target" >&2
	cbw backup vg0/data "$target" --overwrite --force --quiet --speed 64K 2> "$CBW_TMP/said" &
	pid=$!
	retry 60 has_job vg0-data || fail "no job: $(< "$CBW_TMP/said")"
}

ends() { # STATUS
	local status=0
	retry 60 gone "$pid" || fail "the tool does not end"
	wait "$pid" || status=$?
	assert_eq "$status" "$1" "the exit status, with '$(< "$CBW_TMP/said")',"
}

harmless() { # STATUS COMMAND...: the job goes on
	local status=0
	printf '+ %s\n' "${*:2}" >&2
	"${@:2}" > "$CBW_TMP/output" 2>&1 || status=$?
	cat "$CBW_TMP/output"
	assert_eq "$status" "$1" "exit status of '${*:2}'"
	has_job vg0-data || fail "the job is gone"
}

write_file() { # sets $written
	dd if=/dev/urandom of="$mounted/written" bs=64K count=16 conv=fsync status=none
	written=$(sha256sum < "$mounted/written")
}

assert_files() { # [FOLDER]
	diff -r /usr/share/common-licenses "${1:-$mounted}/common-licenses"
	assert_eq "$(sha256sum < "${1:-$mounted}/written")" "$written" "the file that was written"
}

# LVM, too, finds nothing that is not its own.
nothing_left() { # [NAME [TARGET-TYPE]]
	assert_eq "$(dmsetup table "vg0-${1:-data}" | cut -d' ' -f3 | sort -u)" "${2:-linear}" "target of vg0-${1:-data}"
	! dmsetup info -c --noheadings -o name,uuid,suspended | grep -E 'CBW|-cbw|Suspended' || fail "left behind, or suspended"
	lvs -a > "$CBW_TMP/output" 2>&1
	! grep -E 'WARNING|XX' "$CBW_TMP/output" || fail "LVM complains"
	udevadm settle
	[[ /dev/vg0/${1:-data} -ef /dev/mapper/vg0-${1:-data} ]] || fail "the link of the volume is gone"
}

# By the name that the volume has now.
says() { # WHY
	[[ $(< "$CBW_TMP/said") =~ ^"cbw: the backup of vg0-"(data|renamed)" has failed: $1"$ ]] ||
		fail "the tool says: $(< "$CBW_TMP/said")"
}

# The backup fails, in one sentence, and the volume has what LVM has given it.
fails_beneath() { # WHY COMMAND...
	begin
	write_file
	say "${@:2}"
	ends 1
	says "$1"
	assert_files
}

start_udev
make_groups 64
target=$(mk_null target 64)
make_file_system "$(make_lv vg0/data 16)" "$mounted"
write_file
sync -f "$mounted"

# What only looks, or does nothing. While the job's table is there, LVM is right to say that it is not its own.
begin
at_pit=$written
write_file
for command in lvs vgs pvs "lvs -a -o+devices,seg_monitor" vgck lvscan "vgscan --mknodes" "pvscan --cache" \
	"lvchange --addtag tag vg0/data" "vgchange --monitor y vg0"; do
	# shellcheck disable=SC2086 # words are wanted
	harmless 0 $command
done
harmless 5 vgchange -an vg0
harmless 5 lvremove -y vg0/data
tool speed vg0/data 0
ends 0
assert_files
nothing_left
mkdir "$CBW_TMP/backup"
fsck.ext4 -fn "$target"
mount -o ro,noload "$target" "$CBW_TMP/backup"
written=$at_pit assert_files "$CBW_TMP/backup"
umount "$CBW_TMP/backup"

# What gives it another table.
fails_beneath "$another" lvchange --refresh vg0/data
nothing_left
fails_beneath "$another" lvextend -L +4M vg0/data
nothing_left
fails_beneath "$another" lvrename vg0 data renamed
nothing_left renamed
lvrename vg0 renamed data
nothing_left
fails_beneath "$another" lvcreate -q -s -L 4M -n old vg0/data
nothing_left data snapshot-origin
fails_beneath "$another" lvremove -q -y vg0/old
nothing_left
fails_beneath "$another" pvmove -q -i 1 /dev/disk-vg0 /dev/disk-more
nothing_left

# A move that goes on, for it is not looked at yet: LVM could not end it while a hidden device stands on it.
say pvmove -q -b -i +600 /dev/disk-more /dev/disk-vg0
wrong_use 1 "vg0-data is being moved by pvmove: try again when it has ended" backup vg0/data "$target" --force
say pvmove -q -i 1
nothing_left
assert_files
umount "$mounted"
fsck.ext4 -fn /dev/vg0/data

# The same of striped and thin volumes.
remake() { # LVCREATE-ARGUMENT...
	lvremove -q -y vg0/data > /dev/null
	say lvcreate -q -y -n data "$@" > /dev/null
	make_file_system /dev/mapper/vg0-data "$mounted"
	write_file
	sync -f "$mounted"
}

check_file_system() {
	assert_files
	umount "$mounted"
	fsck.ext4 -fn /dev/vg0/data
}

remake -Zn -Wn -i 2 -L 16M vg0
fails_beneath "$another" lvchange --refresh vg0/data
nothing_left data striped
fails_beneath "$another" lvextend -q -L +8M vg0/data
nothing_left data striped
fails_beneath "$another" lvcreate -q -s -L 4M -n old vg0/data
nothing_left data snapshot-origin
fails_beneath "$another" lvremove -q -y vg0/old
nothing_left data striped
check_file_system

lvcreate -q -y --type thin-pool -L 32M -n pool vg0
remake -V 16M --thinpool vg0/pool
fails_beneath "$another" lvchange --refresh vg0/data
nothing_left data thin
fails_beneath "$another" lvextend -q -L +4M vg0/data
nothing_left data thin
fails_beneath "$another" lvcreate -q -s -n old vg0/data
nothing_left data thin
# It is one, and shows what was there.
lvchange -q -ay -K vg0/old
mount -o ro,noload /dev/vg0/old "$CBW_TMP/backup"
assert_files "$CBW_TMP/backup"
umount "$CBW_TMP/backup"
lvchange -q -an vg0/old
begin
write_file
harmless 0 lvremove -q -y vg0/old
harmless 0 lvextend -q -L +8M vg0/pool
tool cancel vg0/data
ends 1
nothing_left data thin
check_file_system
remake -Zn -Wn -L 16M vg0
check_file_system

# What takes it away.
begin
sum=$(sum_of /dev/vg0/data 16777216)
say vgchange -q -an vg0
ends 1
says "$gone"
! dmsetup ls | grep vg0 || fail "left behind"
says_nothing tool repair
vgchange -q -ay vg0
nothing_left
assert_eq "$(sum_of /dev/vg0/data 16777216)" "$sum" "the volume"
