#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a busy ext4 on a logical volume is backed up live, checked and compared
# timeout: 600
. "$CBW_LIB"
exec 2> /run/noise	# what tools say belongs to no demonstration, unless it fails

print_state() { # instead of the library's
	cat /run/noise
}

mib=384
volume=/dev/mapper/vg0-data origin=/dev/mapper/vg0-data-origin backup=/dev/mapper/vg1-backup

step() {
	printf '\n%s\n' "$*"
}

show() { # COMMAND...: as typed, then run
	local word line='    #'
	for word; do
		[[ $word != *' '* ]] || word="'$word'"
		line+=" $word"
	done
	echo "$line"
	"$@"
}

make_volumes() {
	local disk
	for disk in 0 1; do
		mk_null "disk$disk" $((mib + 64)) > /dev/null
		vgcreate -q "vg$disk" "/dev/disk$disk" > /dev/null
	done
	lvcreate -q -an -Zn -L ${mib}M -n data vg0 > /dev/null && lvchange -ay vg0/data
	lvcreate -q -an -Zn -L ${mib}M -n backup vg1 > /dev/null && lvchange -ay vg1/backup
	mkfs.ext4 -q "$volume"
	mkdir -p "$CBW_TMP"/{data,backup,then}
	mount "$volume" "$CBW_TMP/data"
}

fill() {
	mkdir "$CBW_TMP/data/documents"
	cp -r /usr/share/common-licenses /usr/share/perl5 "$CBW_TMP/data/documents"
	(cd "$CBW_TMP/data/documents" && find . -type f -exec sha256sum {} + > "$CBW_TMP/documents.sha256")
}

start_load() {
	fio --name=database --directory="$CBW_TMP/data" --size=64M --bs=8k --rw=randrw --rwmixread=70 --fdatasync=16 \
		--ioengine=libaio --iodepth=8 --direct=1 --time_based --runtime=1h --output="$CBW_TMP/fio" &
	load=$!
	retry 60 busy || fail "fio does not start: $(cat "$CBW_TMP/fio" /run/noise)"
}

busy() {
	[[ -s $CBW_TMP/data/database.0.0 ]] && (($(written) > 0))
}

# MiB that were written to the volume.
written() {
	local fields
	read -ra fields < "/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor --separator : vg0-data)/stat"
	echo $((fields[6] >> 11))
}

progress() {
	local state=running line
	while [[ $state == running ]]; do
		read -r _ _ _ state _ _ _ chunks _ held by_write by_sweep _ <<< "$(dmsetup status vg0-data)"
		line="    $state: $((100 * ${chunks%/*} / ${chunks#*/})) %, $chunks chunks ($by_write before a write, $by_sweep by the sweep), $held writes held"
		printf '\r%-100s' "$line"
		sleep 0.5
	done
	echo
	[[ $state == completed ]] || fail "the backup is $state"
}

# What the volume holds at the point in time, so that the backup can be compared with it; only a demonstration stops that long.
keep_pit() {
	dd if="$origin" of="$CBW_TMP/pit" bs=1M iflag=direct
}

step "1. An ext4 file system on the logical volume vg0/data, with $(du -sh /usr/share/perl5 | cut -f1)B of documents, and a database-like load on it."
make_volumes
fill
start_load
printf '    fio: 8 KiB random reads and writes, 8 at a time, synced every 16\n'

step "2. A hidden device gets the volume's table: the origin."
show dmsetup create vg0-data-origin --table "$(dmsetup table vg0-data)"

step "3. cbw takes the volume's place; the file system stays mounted, the load goes on. The resume is the point in time."
table="0 $(dev_sectors "$volume") cbw $origin $backup 128 backup"
need_module dm_cbw loop
show dmsetup load vg0-data --table "$table"
show dmsetup suspend vg0-data
keep_pit
before=$(written)
show dmsetup resume vg0-data

step "4. While it is backed up:"
progress
printf '    meanwhile the load wrote %d MiB to the volume\n' $(($(written) - before))

step "5. The volume gets its own table back; the load still runs."
show dmsetup load vg0-data --table "$(dmsetup table vg0-data-origin)"
show dmsetup resume vg0-data
show dmsetup remove vg0-data-origin
kill -0 "$load" || fail "the load has died: $(cat "$CBW_TMP/fio")"
kill "$load" && wait "$load" || true

step "6. The backup, checked:"
show fsck.ext4 -fn "$backup" | sed '2,$s/^/    /' || fail "fsck found errors in the backup"
assert_same "$CBW_TMP/pit" "$backup" $((mib << 20))
echo "    every byte of the volume is as it was at the point in time"
mount -o ro,noload "$backup" "$CBW_TMP/backup"
mount -o ro,noload,loop "$CBW_TMP/pit" "$CBW_TMP/then"
diff -r "$CBW_TMP/then" "$CBW_TMP/backup"
(cd "$CBW_TMP/backup/documents" && sha256sum --quiet -c "$CBW_TMP/documents.sha256")
echo "    all $(find "$CBW_TMP/backup" -type f | wc -l) files are as they were; the $(wc -l < "$CBW_TMP/documents.sha256") documents have their checksums"
if cmp -s "$CBW_TMP/backup/database.0.0" "$CBW_TMP/data/database.0.0"; then
	fail "the database has not changed since: the load proved nothing"
fi
echo "    the database file has changed since; its backup has not"

step "Done: a volume in use was backed up as it was at one instant, without stopping what used it."
