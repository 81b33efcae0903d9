# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The steps in the Debian system, for step.sh.
#
# Three writers of files, and one of stamped blocks in a file, keep the root volume busy. When they have written what is
# noted in memory, and comes to /run/out, on the host, once they have ended: what they write must not be what tells.

load=/srv/load stamps=/srv/stamps logs=/run/load writers="1 2 3" torn=3

# The only one, or the newest.
backup_of_root() {
	lvs --noheadings -o lv_full_name -S 'lv_tags=cbw.origin=vg0/root && lv_tags=cbw.complete=true' | tail -n 1 | xargs
}

# --- load ------------------------------------------------------------------------------------------------------

start_load() { # SEED
	local writer
	mkdir -p "$load" "$logs"
	truncate -s 32M "$stamps"
	cbw-stamp fill "$stamps" --seed "$1" --block 4096
	sync
	cbw-stamp run "$stamps" --log "$logs/stamps" --seed "$1" --block 4096 --threads 2 --max 64K --until-file "$logs/stop" \
		> "$logs/said" 2>&1 &
	echo $! > "$logs/pids"
	for writer in $writers; do
		python3 /run/out/load.py write "$load/$writer" "$logs/$writer" "$1-$writer" "$logs/stop" >> "$logs/errors" 2>&1 &
		echo $! >> "$logs/pids"
	done
	for writer in $writers; do
		until [[ $(wc -l < "$logs/$writer") -ge 5 ]] 2>/dev/null; do sleep 0.5; done
	done
	sleep 2
}

still_writing() { # prints how many
	local pid count=0
	while read -r pid; do
		[[ ! -d /proc/$pid ]] || count=$((count + 1))
	done < "$logs/pids"
	echo "$count"
}

stop_load() {
	(($(still_writing) == 4)) || fail "the load has ended early: $(cat "$logs/errors" "$logs/said")"
	touch "$logs/stop"
	while (($(still_writing))); do sleep 0.5; done
	[[ ! -s $logs/errors ]] || fail "$(< "$logs/errors")"
	cat "$logs/said"
	wc -l "$logs"/[0-9]
	cp "$logs"/{stamps,[0-9]} /run/out
}

# check_instant DIR SEED AFTER BEFORE: of the root in this folder; all files and all blocks are of the same instant, or
# the status is $torn.
check_instant() {
	local writer words=() after before
	for writer in $writers; do
		words+=("$1$load/$writer" "/run/out/$writer" "$2-$writer")
	done
	say python3 /run/out/load.py check "$3" "$4" "${words[@]}" > /run/instant || return
	read -r after before < /run/instant
	echo "after $after, before $before: $(((before - after) / 1000)) us"
	say cbw-stamp check "$1$stamps" --log /run/out/stamps --after "$after" --before "$before" --allow-torn=8K || return "$torn"
}

# check_root NAME SEED: the root that is running is as it was in the bounds that the step NAME has noted.
check_root() {
	local after before
	read -r after before < "/run/out/$1"
	check_instant '' "$2" "$after" "$before"
}

# --- backup ----------------------------------------------------------------------------------------------------

# The UUID is the root's and the backup's by now; by this name nobody may come to the backup.
uuid_is_roots() {
	local device
	udevadm settle
	device=/dev/disk/by-uuid/$(findmnt -n -o UUID /)
	[[ $device -ef /dev/mapper/vg0-root ]] || fail "$device is $(realpath "$device")"
}

backup() { # [OPTION]...
	local after before pid
	after=$(cbw-stamp now)
	say cbw backup vg0/root --to vg1 "$@" &
	pid=$!
	until dmsetup table vg0-root | grep -q ' cbw '; do
		kill -0 "$pid" || wait "$pid" || fail "the backup has failed"
		sleep 0.1
	done
	before=$(cbw-stamp now)
	echo "$after $before" > /run/out/backup
	cbw status
	wait "$pid" || fail "the backup has failed"
	dmsetup table
	[[ $(dmsetup table vg0-root) == *' linear '* ]] || fail "the root has not got its table back"
	lvs -a -o+lv_tags,lv_skip_activation
	[[ $(backup_of_root) == vg1/root-cbw-* ]] || fail "there is no backup"
	uuid_is_roots
}

# With dd, which knows of no instant.
copy_plainly() {
	local after before
	say lvcreate -q -y -Wn -l "$(lvs --noheadings -o seg_size_pe vg0/root | xargs)" -n plain vg1
	after=$(cbw-stamp now)
	say dd if=/dev/mapper/vg0-root of=/dev/mapper/vg1-plain bs=1M iflag=direct oflag=direct
	before=$(cbw-stamp now)
	echo "$after $before" > /run/out/copy
}

# copy_is_torn SEED: there must be nothing to prove with it.
copy_is_torn() {
	local after before status=0
	read -r after before < /run/out/copy
	say e2fsck -y /dev/mapper/vg1-plain || echo "e2fsck: $?"
	mkdir -p /run/plain
	say mount -o ro /dev/mapper/vg1-plain /run/plain
	check_instant /run/plain "$1" "$after" "$before" || status=$?
	((status == torn)) || fail "it is not found to be of no instant: $status"
	umount /run/plain
	lvremove -q -y vg1/plain
}

# As the guide has it.
make_bootable() {
	local backup
	backup=$(backup_of_root)
	say lvcreate --yes --snapshot --extents 50%ORIGIN --name boot "$backup"
	say lvchange --setactivationskip n "$backup"
	lvs -a -o+lv_skip_activation
}

# The snapshot on which the root is has all that was written since; beneath it, the backup is as it was.
backup_is_clean() {
	say e2fsck -fn "/dev/$(backup_of_root)"
}

# From the backup that is booted. Nobody needs the volume there, so it may not be active yet.
restore_root() {
	say vgchange --activate y vg0
	say cbw restore "$(backup_of_root)" vg0/root
	say e2fsck -fn /dev/mapper/vg0-root
}

# What is known of the backup in the backup is from before it was complete, and must not be believed.
backup_is_known() {
	local backup
	backup=$(backup_of_root)
	say cbw list
	[[ $(cbw list vg0/root | tail -n 1) == *" complete "*" $backup" ]] || fail "it is not listed as complete"
	say cbw repair
	lvs -a
	[[ $(backup_of_root) == "$backup" ]] || fail "repair has removed it"
}

# --- move ------------------------------------------------------------------------------------------------------

# A volume of the size of the root, on this disk, for it to go to.
make_room() { # VG DISK
	local size
	size=$(lvs --noheadings --units b --nosuffix -o lv_size vg0/root | xargs)
	say lvcreate -q -y -Wn -L "${size}b" -n root-new "$1" "$2"
}

# The writers go on meanwhile.
move_root() { # TO
	local before
	(($(still_writing) == 4)) || fail "the load has ended early"
	before=$(wc -l < "$logs/1")
	say cbw mirror vg0/root "$1" --pivot
	dmsetup table
	lvs -a -o+devices,lv_skip_activation
	(($(still_writing) == 4)) || fail "the load has ended: $(cat "$logs/errors" "$logs/said")"
	until (($(wc -l < "$logs/1") > before + 5)); do sleep 0.5; done
}

# The disk of vg1 becomes the second one of vg0, and the root goes there; the first one is wiped.
move_inside() {
	say vgremove -q vg1
	say vgextend -q vg0 /dev/vdb
	make_room vg0 /dev/vdb
	move_root vg0/root-new
	[[ $(lvs --noheadings -o devices vg0/root) == *" /dev/vdb("* ]] || fail "LVM does not say that it is on the second disk"
	say lvremove -q -y vg0/root-new
	say vgreduce -q vg0 /dev/vda
	say pvremove -q /dev/vda
	say dd if=/dev/zero of=/dev/vda bs=1M oflag=direct status=none || true
}

# To a group of its own on the first disk. The old volume stays, and nobody may find it.
move_outside() {
	say vgcreate -q vg1 /dev/vda
	make_room vg1 /dev/vda
	move_root vg1/root-new
	[[ $(lvs --noheadings -o lv_full_name | xargs) == "vg0/root-new vg1/root" ]] || fail "they have not exchanged their names"
}

# All that the writers have written is there, and by its UUID the file system is found where the root is on.
moved() { # SEED
	local writer words=() device
	for writer in $writers; do
		words+=("$load/$writer" "/run/out/$writer" "$1-$writer")
	done
	say python3 /run/out/load.py all "${words[@]}"
	say cbw-stamp check "$stamps" --log /run/out/stamps --final --allow-torn=8K
	device=/dev/disk/by-uuid/$(findmnt -n -o UUID /)
	[[ $device -ef $(findmnt -n -o SOURCE /) ]] || fail "$device is $(realpath "$device")"
	lvs -a -o+devices,lv_skip_activation
}
