#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# of two devices with the same content only the one that has the backup is one to go on from, whatever its name: loop, md, NVMe, partitions
# timeout: 600
# needs: mdadm sfdisk python3
# shellcheck disable=SC2034,SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

make_volume 4
tool attach cbw
disk=$CBW_TMP/disk
change=0

take_turn() { # DEVICE
	ln -sfn "$1" "$disk"
}

write() {
	change=$((change + 1))
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek=$change oflag=direct status=none
}

goes_on() { # DEVICE
	write
	tool backup cbw "$1" --sync incremental --quiet 2> "$CBW_TMP/said"
	! grep warning "$CBW_TMP/said" || fail "$1 is not known"
	assert_same /dev/mapper/cbw "$1" $((4 << 20))
}

is_refused() { # DEVICE
	local before
	before=$(sha256sum < "$1")
	wrong_use 1 "($1 is not the device, or no longer holds, the backup of cbw|no backup of cbw is known at $1): make a full backup.*" backup cbw "$1" --sync incremental
	assert_eq "$(sha256sum < "$1")" "$before" "the content of $1"
}

device_of() { # WORD: prints what the record has of a device with it
	cbw list --json | json "[r['device'] for r in j if '$1' in r['device']]"
}

# B becomes the same as A, as a whole; those that are used may be parts of them.
tell_apart() { # WORD DEVICE-A DEVICE-B [A B]
	local a=${4:-$2} b=${5:-$3}
	take_turn "$a"
	tool backup cbw "$disk" --quiet --force
	goes_on "$disk"
	dd if="$2" of="$3" bs=1M oflag=direct status=none
	take_turn "$b"
	is_refused "$disk"
	goes_on "$a"
	device_of "$1"
	[[ $(device_of "$1") != '[]' ]] || fail "the records are $(cbw list --json)"
	rm -f "$CBW_STATE"/*
}

# --- loop devices ------------------------------------------------------------------------------------------------

a=$(mk_loop a 8M) b=$(mk_loop b 8M)
tell_apart 'loop ' "$a" "$b"
tool backup cbw "$a" --quiet --force
losetup -d "$a"
a=$(losetup --find --show "$CBW_TMP/a.img")
goes_on "$a"
# The same file by another device, and a copy in its place by the same one.
other=$(losetup --find --show "$CBW_TMP/a.img")
losetup -d "$a"
goes_on "$other"
losetup -d "$other"
cp "$CBW_TMP/a.img" "$CBW_TMP/copy.img"
mv "$CBW_TMP/copy.img" "$CBW_TMP/a.img"
a=$(losetup --find --show "$CBW_TMP/a.img")
is_refused "$a"
losetup -d "$a" "$b"
rm -f "$CBW_STATE"/*

# --- partitions ----------------------------------------------------------------------------------------------------

for name in a b; do
	truncate -s 16M "$CBW_TMP/$name.img"
done
printf 'label: gpt\nsize=5M\nsize=5M\n' | sfdisk -q "$CBW_TMP/a.img"
cp "$CBW_TMP/a.img" "$CBW_TMP/b.img"
a=$(losetup --find --show -P "$CBW_TMP/a.img") b=$(losetup --find --show -P "$CBW_TMP/b.img")
uuid=$(sfdisk --part-uuid "$a" 1)
tell_apart "partition 1 ${uuid,,}" "$a" "$b" "${a}p1" "${b}p1"
tell_apart "partition 1" "${a}p1" "${a}p2"
losetup -d "$a" "$b"

# Of a disk that has no number, they are what the table of partitions says.
if modprobe -q brd rd_nr=2 rd_size=16384 max_part=2; then
	for ram in /dev/ram0 /dev/ram1; do
		printf 'label: gpt\nsize=5M\n' | sfdisk -q "$ram"
		blockdev --rereadpt "$ram"
	done
	tell_apart 'disk partition 1 ' /dev/ram0p1 /dev/ram1p1
	say rmmod brd
else
	lacks brd
fi

# --- md ------------------------------------------------------------------------------------------------------------

if modprobe -q raid1; then
	for name in a b; do
		leg=$(mk_null "leg-$name" 8)
		say mdadm --quiet --create "/dev/md/$name" --run --force --level=1 --raid-devices=1 --metadata=1.2 "$leg"
	done
	tell_apart '' /dev/md/a /dev/md/b
	say mdadm --quiet --stop /dev/md/a /dev/md/b
else
	lacks raid1
fi

# --- NVMe ----------------------------------------------------------------------------------------------------------

target=/sys/kernel/config/nvmet
offer() { # NAME DEVICE: by this machine to itself; prints the device that appears
	local system=$target/subsystems/$1 before
	mkdir "$system" "$system/namespaces/1"
	echo 1 > "$system/attr_allow_any_host"
	echo "$2" > "$system/namespaces/1/device_path"
	echo 1 > "$system/namespaces/1/enable"
	ln -s "$system" "$target/ports/1/subsystems/$1"
	before=$(compgen -G '/dev/nvme*n1' || true)
	echo "transport=tcp,traddr=127.0.0.1,trsvcid=4420,nqn=$1" > /dev/nvme-fabrics
	retry 30 eval '[[ $(compgen -G "/dev/nvme*n1") != "$before" ]]' || fail "no device of NVMe appears"
	comm -13 <(sort <<< "$before") <(compgen -G '/dev/nvme*n1' | sort)
}
withdraw() { # NAME
	rm "$target/ports/1/subsystems/$1"
	rmdir "$target/subsystems/$1/namespaces/1" "$target/subsystems/$1"
}
if modprobe -q -a nvme_tcp nvmet_tcp && [[ -e /dev/nvme-fabrics ]]; then
	busybox ifconfig lo up
	mkdir "$target/ports/1"
	echo tcp > "$target/ports/1/addr_trtype"
	echo ipv4 > "$target/ports/1/addr_adrfam"
	echo 127.0.0.1 > "$target/ports/1/addr_traddr"
	echo 4420 > "$target/ports/1/addr_trsvcid"
	a=$(offer a "$(mk_null nvme-a 8)") b=$(offer b "$(mk_null nvme-b 8)")
	tell_apart uuid. "$a" "$b"
	for controller in /sys/class/nvme/nvme*/delete_controller; do
		echo 1 > "$controller"
	done
	withdraw a
	withdraw b
	rmdir "$target/ports/1"
else
	lacks nvmet_tcp
fi
tool detach cbw
