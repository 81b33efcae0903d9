#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with the rule for udev and the filter for LVM, nobody looks at hidden devices and views; without them it is seen
# tier: long
# timeout: 600
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/udev.sh"

# A job as the dry run tells, which gives no hints to udev: the lines to the first resume begin it.
begin_by_hand() {
	cbw backup plain "$target" --force --dry-run > "$CBW_TMP/lines"
	sed '/^dmsetup resume/q' "$CBW_TMP/lines" | bash -ex
	dmsetup create plain-pit --uuid CBWPIT-by-hand --readonly --table "0 $(dev_sectors /dev/mapper/plain) cbw-snapshot /dev/mapper/plain-cbw"
	udevadm settle
}

end_by_hand() {
	dmsetup remove plain-pit
	sed '1,/^dmsetup resume/d' "$CBW_TMP/lines" | bash -ex > /dev/null
	volume_is_own "$plain" plain
}

finds() { # DM-NAME: does udev have the UUID of what is on it?
	udevadm info "/dev/mapper/$1" | grep '^E: ID_FS_UUID='
}

# What LVM says while the physical volume that vg0 has is backed up.
look_beneath_job() {
	tool backup pv --to vg1 --no-wait --speed 64K
	tool snapshot create pv
	udevadm settle
	{ pvs && vgs && lvs; } > "$CBW_TMP/output" 2>&1
	cat "$CBW_TMP/output"
	changed=0
	vgchange -q --addtag "tag$RANDOM" vg0 || changed=$?
	tool snapshot remove pv
	tool cancel pv
	volume_is_own "$pv" pv
}

start_udev
make_vg vg1 64
target=$(mk_null target 8)
mk_null lower 24 > /dev/null

mk_linear plain "$(mk_null other 8)" > /dev/null
mkfs.ext4 -q /dev/mapper/plain
plain=$(dmsetup table plain)
begin_by_hand
finds plain-cbw || fail "udev does not look at a hidden device without the rule"
end_by_hand

# Not at the beginning of what it stands on, which would be the same physical volume.
mk_linear pv /dev/lower 2048 > /dev/null
pv=$(dmsetup table pv)
vgcreate -q vg0 /dev/mapper/pv > /dev/null
make_file_system "$(make_lv vg0/data 8)" "$CBW_TMP/data"
look_beneath_job
grep 'Not using device /dev/mapper/pv-cbw' "$CBW_TMP/output" || fail "LVM does not see the hidden device without the filter"
assert_eq "$changed" 5 "exit status of vgchange without the filter"

install_rule
begin_by_hand
! finds plain-cbw || fail "udev looks at a hidden device"
! finds plain-pit || fail "udev looks at a view"
finds plain
assert_eq "$(known_to_udev plain-cbw | grep ^S)" "S: mapper/plain-cbw" "the links of the hidden device"
[[ /dev/disk/by-uuid/$(blkid -o value -s UUID /dev/mapper/plain) -ef /dev/mapper/plain ]] || fail "the link of the UUID is wrong"
# As at the next start of udev, which has no cookies then.
udevadm trigger --subsystem-match=block --action=change
udevadm trigger --subsystem-match=block --action=add
udevadm settle
! finds plain-cbw || fail "udev looks at a hidden device, when it is triggered"
end_by_hand

install_filter
look_beneath_job
! grep -iE 'not using|warning' "$CBW_TMP/output" || fail "LVM complains"
assert_eq "$changed" 0 "exit status of vgchange"
assert_eq "$(pvs --noheadings -o pv_name -S vg_name=vg0 | xargs)" /dev/mapper/pv "physical volume of vg0"
