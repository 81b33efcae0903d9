#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with --to, an incremental backup is found by volume group, folder, path or ID, and stays there when it comes to nothing
# tier: long
# timeout: 900
# shellcheck disable=SC2154 # the name is that of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

field() { # FIELD: of the newest record
	cbw list vg0/data --json | json "j[-1][\"$1\"]"
}

overwrite() { # MIB
	dd if=/dev/urandom of="$lv" bs=1M count=1 seek="$1" oflag=direct status=none
}

nothing_active() {
	[[ -z $(lvs --noheadings -o lv_name -S 'vg_name=vg1 && lv_active=active') && -z $(losetup -a) ]]
}

is_right() { # PLACE: of two chunks of 1 MiB each, no more was saved
	assert_eq "$(json 'j[0]["total"]' < "$CBW_TMP/outcome")" 2 "what was saved to $1"
	retry 5 nothing_active || fail "left active: $(lvs) $(losetup -a)"
	assert_eq "$(field target) $(field complete)" "$backup True" "the record"
	say cbw verify "$backup" vg0/data
}

increment() { # BACKUP...
	say cbw backup vg0/data "$@" --sync incremental --chunk 1M --json > "$CBW_TMP/outcome"
}

comes_to_nothing() { # BACKUP...
	say cbw backup vg0/data "$@" --sync incremental --no-wait --paused
	overwrite 1
	say cbw cancel vg0/data
	retry 5 nothing_active || fail "left active: $(lvs) $(losetup -a)"
	assert_eq "$(field target) $(field complete) $(field there)" "$backup False True" "the record"
	refused 'is not complete: an incremental one may complete it' cbw restore "$backup" vg0/data
}

need_module loop
make_vg vg0 64
make_vg vg1 64
lv=$(make_lv vg0/data 8)
fill "$lv" 8
folder=$CBW_TMP/folder
make_store "$folder" 64

say cbw attach vg0/data --chunk 1M
refused 'there is no backup that the changes of vg0-data are tracked since: make a full backup' \
	cbw backup vg0/data --to vg1 --sync incremental
for place in vg1 "$folder" "$folder/data.img"; do
	say cbw backup vg0/data --to "$place" --quiet
	backup=$(field target)
	overwrite 1
	overwrite 3
	increment --to "$place"
	is_right "$place"
	overwrite 1
	overwrite 4
	comes_to_nothing --to "$place"
	increment "$(field generation | cut -c 1-8)"
	is_right "$place"
done

# What comes to no job leaves all that goes with an image.
increment --to "$backup" --checksum
was=$(sha256sum "$backup"* "$CBW_STATE"/*)
CBW_STEP=stop:3 tool_begins backup vg0/data --to "$backup" --sync incremental
retry 30 grep -q '^State:.T' "/proc/$pid/status" || fail "it does not stop"
dmsetup suspend vg0-data
kill -CONT "$pid"
tool_ends 1 'cbw: somebody else has changed vg0-data in the meantime: try again'
assert_eq "$(sha256sum "$backup"* "$CBW_STATE"/*)" "$was" "what is known"

# Somebody has mounted it, say.
dd if=/dev/urandom of="$backup" bs=512 count=1 seek=129 conv=notrunc,fsync status=none
refused "$backup is not the device, or no longer holds, the backup of vg0/data: make a full backup" \
	cbw backup vg0/data --to "$backup" --sync incremental
retry 5 nothing_active || fail "left active: $(lvs) $(losetup -a)"
dd if="$lv" of="$backup" bs=512 count=1 skip=129 seek=129 conv=notrunc,fsync status=none
assert_eq "$(lvs --noheadings vg1 | wc -l) $(find "$folder" -name '*.img' | wc -l)" '1 2' 'volumes and images'
refused 'the changes of vg0/data are tracked since another backup than vg1/data-cbw-.*: make a full backup' \
	cbw backup vg0/data --to vg1 --sync incremental
refused "no backup of vg0/data is known at vg0: make a full backup" cbw backup vg0/data --to vg0 --sync incremental
refused "no backup of vg0/data is known at $folder/x.img: make a full backup" \
	cbw backup vg0/data --to "$folder/x.img" --sync incremental

# What goes with an image is all that is needed.
mv "$folder/data.img" "$folder/moved.img"
mv "$folder/data.img.cbw.json" "$folder/moved.img.cbw.json"
backup=$folder/moved.img
overwrite 1
overwrite 2
increment "$backup" --checksum
is_right "$backup"
say cbw verify "$backup"

# A volume that somebody uses is not written to.
say cbw backup vg0/data --to vg1 --keep 1 --quiet
backup=$(field target)
assert_eq "$(lvs --noheadings vg1 | wc -l)" 1 'volumes that are kept'
lvchange -ay -K "$backup"
mk_linear user "/dev/$backup" > /dev/null
refused "$backup is in use by /dev/mapper/user" cbw backup vg0/data --to vg1 --sync incremental
assert_eq "$(field complete)" True 'complete'
dmsetup remove user
lvchange -an "$backup"

# Two at one instant, of which LVM may know alone.
other=$(make_lv vg0/other 4)
say cbw attach vg0/other
say cbw backup vg0/data vg0/other --to vg1 --quiet
backup=$(field target)
rm "$CBW_STATE"/*
overwrite 1
fill "$other" 4
say cbw backup vg0/data vg0/other --to vg1 --sync incremental --keep 1 --quiet
say cbw verify "$backup" vg0/data
say cbw verify "$(cbw list vg0/other --json | json 'j[-1]["target"]')" vg0/other

# The lines of a dry run know nothing of records.
overwrite 2
say cbw backup vg0/data --to vg1 --sync incremental --dry-run > "$CBW_TMP/lines"
bash -e "$CBW_TMP/lines"
assert_same "$lv" "/dev/$backup" $((8 << 20))
lvchange -an "$backup"
refused 'the changes of vg0/data are tracked since another backup than' cbw backup vg0/data --to vg1 --sync incremental

# LVM gives the volume another table: what changes then is seen by nobody.
lvextend -q -L 12M vg0/data > /dev/null
refused 'the changes of vg0-data are not tracked: make a full backup after' cbw backup vg0/data --to vg1 --sync incremental
say cbw detach vg0/other
