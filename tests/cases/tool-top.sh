#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a backup of what ext4, XFS, Btrfs, FAT or F2FS uses, beneath writers, has all files of its instant, and what lies behind the file system
# timeout: 600
# needs: python3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkfs.f2fs partclone.ext4
# shellcheck disable=SC2119,SC2120,SC2154 # options that are left out; the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
live=$CBW_TMP/live backup=$CBW_TMP/backup
mkdir "$live" "$backup" "$CBW_TMP/bin"

# What the tool asks is asked late: until then files come, change and go, and take the place of what was deleted.
for kind in ext4 xfs btrfs vfat f2fs; do
	cat > "$CBW_TMP/bin/partclone.$kind" <<-END
		#!/bin/bash
		[[ \$(dmsetup status cbw) == *" paused backup top "*" held" ]] || exit 1
		rm -f "$live"/tree/1*
		for i in 2 3 4; do
			dd if=/dev/urandom of="$live/tree/\$i" bs=64K count=4 conv=notrunc status=none
		done
		dd if=/dev/urandom of="$live/late" bs=1M count=4 status=none
		sync -f "$live"
		echo 3 > /proc/sys/vm/drop_caches
		exec "$(command -v partclone.$kind)" "\$@"
	END
	chmod +x "$CBW_TMP/bin/partclone.$kind"
done

make_tree() {
	local i
	mkdir "$live/tree"
	dd if=/dev/urandom of="$live/deleted" bs=1M count=6 status=none
	for i in {1..40}; do
		head -c $((RANDOM * 4)) /dev/urandom > "$live/tree/$i"
	done
	sync -f "$live"
	rm -f "$live/deleted" "$live"/tree/3?
	# Btrfs is not frozen.
	sync -f "$live"
	(cd "$live/tree" && sha256sum -- *) > "$CBW_TMP/sums"
}

top() { # OPTION...: what it says is in said
	PATH=$CBW_TMP/bin:$PATH tool backup cbw "$target" --overwrite --force --sync top --json "$@" > "$CBW_TMP/outcome" 2> "$CBW_TMP/said"
}

saved() { # bytes
	json 'j[0]["total"] * j[0]["chunk_bytes"]' < "$CBW_TMP/outcome"
}

is_clean() { # KIND
	case $1 in
	ext4) fsck.ext4 -fn "$target" ;;
	xfs) xfs_repair -n "$target" ;;
	btrfs) btrfs check --readonly "$target" ;;
	f2fs) fsck.f2fs --dry-run "$target" | tee "$CBW_TMP/f2fs" && ! grep -F '[Fail]' "$CBW_TMP/f2fs" ;;
	# That it is mounted is a bit of it.
	vfat)
		printf '\0' | dd of="$target" bs=1 seek=65 conv=notrunc status=none
		fsck.vfat -nv "$target"
		;;
	esac
}

check_files() { # MOUNT-OPTIONS
	mount -o "$1" "$target" "$backup"
	(cd "$backup/tree" && sha256sum --quiet -c "$CBW_TMP/sums") || fail "files are wrong"
	assert_eq "$(find "$backup" -type f | wc -l)" "$(wc -l < "$CBW_TMP/sums")" "the number of files"
	umount "$backup"
}

prove() { # KIND MIB MOUNT-OPTIONS MKFS...: the last MiB is not the file system's
	local kind=$1 bytes=$(($2 << 20))
	modprobe -q "$kind" || {
		lacks "$kind"
		return
	}
	make_volume "$2"
	"${@:4}" > "$CBW_TMP/mkfs" 2>&1 || fail "$(< "$CBW_TMP/mkfs")"
	dd if=/dev/urandom of=/dev/mapper/cbw bs=1M seek=$(($2 - 1)) count=1 oflag=direct status=none
	# What is free on the target device must not matter.
	dd if=/dev/urandom of="$target" bs=1M count=16 oflag=direct status=none
	mount /dev/mapper/cbw "$live"
	make_tree
	top
	assert_eq "$(cat "$CBW_TMP/said")" "+ cbw backup cbw $target --overwrite --force --sync top --json" "what it said"
	volume_is_own "$table"
	[[ -s $live/late ]] || fail "nobody wrote meanwhile"
	echo "$kind: $(saved) of $bytes bytes"
	(($(saved) < bytes / 2)) || fail "it saved $(saved) of $bytes bytes"
	umount "$live"
	cmp <(tail -c 1M "$origin") <(tail -c 1M "$target") || fail "what is behind the file system"
	[[ $kind != btrfs ]] || btrfs device scan --forget > /dev/null
	[[ $kind == xfs ]] || is_clean "$kind" > "$CBW_TMP/fsck" 2>&1 || fail "$(< "$CBW_TMP/fsck")"
	check_files "$3"
	is_clean "$kind" > "$CBW_TMP/fsck" 2>&1 || fail "$(< "$CBW_TMP/fsck")"
	dmsetup remove cbw
	remove_nulls
}

prove btrfs 160 ro mkfs.btrfs -q -b 159M /dev/mapper/cbw
prove vfat 64 ro mkfs.vfat -F 32 -s 1 /dev/mapper/cbw $((63 << 10))
prove ext4 64 ro mkfs.ext4 -q /dev/mapper/cbw 63M
prove f2fs 128 ro mkfs.f2fs -q /dev/mapper/cbw $((127 << 11))
prove xfs 320 nouuid mkfs.xfs -q -d size=319m /dev/mapper/cbw
