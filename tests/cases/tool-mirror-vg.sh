#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# a mounted logical volume goes over to one of another volume group, they exchange their names, and LVM leaves it alone
# timeout: 900
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/move.sh"

make_vg vg0 64
make_vg vg1 64
make_file_system "$(make_lv vg0/data 16)" "$CBW_TMP/data"
make_lv vg1/data-new 16 > /dev/null

lv_uuid() { # VG/LV
	lvs --noheadings -o lv_uuid "$1" | xargs
}

where() { # prints the volume that is called data, the only one that is active at a boot
	local vg found=''
	for vg in vg0 vg1; do
		[[ -z $(lvs --noheadings "$vg/data" 2> /dev/null) ]] || found+=$vg
	done
	[[ $found == vg[01] ]] || fail "data is in '$found'"
	echo "$found"
}

boot() { # and only the one is active
	local vg
	activate_anew "/dev/$1/data" vg0 vg1
	vg=$(where)
	assert_eq "$vg" "$1" "where data is"
	assert_eq "$(dmsetup ls | cut -f1 | xargs)" "$vg-data" "what is active"
	assert_eq "$(files)" "$list" "the files after the activation"
}

# --- the move --------------------------------------------------------------------------------------------------

uuid=$(lv_uuid vg0/data)
say cbw mirror vg0/data vg1/data-new --pivot --quiet
assert_eq "$(dmsetup table vg0-data | cut -d' ' -f3-)" "linear $(lsblk -dno MAJ:MIN /dev/vg1/data | tr -d ' ') 0" "the table of the device in use"
! dmsetup info -c --noheadings -o name,uuid | grep -E 'CBW|-cbw$' || fail "a device is left behind"
assert_eq "$(where)" vg1 "where data is"
[[ $(lv_uuid vg0/data-new) != "$uuid" ]] || fail "LVM takes the device in use for the old volume"
assert_eq "$(lvs --noheadings -o lv_active,lv_skip_activation vg0/data-new | xargs)" "skip activation" "the old volume"
echo "written afterwards" > "$CBW_TMP/data/afterwards"
sync
list=$(files)

# What LVM does now finds the device in use no more, or the new volume beneath it.
table=$(dmsetup table vg0-data)
say vgchange -q -ay vg0 vg1
say vgchange -q --refresh vg0
say lvextend -q -L +4M vg1/data
say lvextend -q -L +4M vg0/data-new
say lvchange -q --refresh vg1/data
say lvchange -q -ay -K vg0/data-new
refused "LVM knows no vg0/data: has it moved since the machine has started.*" cbw mirror vg0-data vg0/data-new --force --pivot
say lvchange -q -an vg0/data-new
assert_eq "$(dmsetup table vg0-data)" "$table" "the table of the device in use"
assert_eq "$(files)" "$list" "the files"
boot vg1

# --- killed ----------------------------------------------------------------------------------------------------

# From the one to the other and back.
begin() {
	from=$(where)
	to=vg$((1 - ${from#vg}))
	say lvchange -q -ay -K "$to/data-new"
	say cbw mirror "$from/data" "$to/data-new" --quiet --overwrite --force
}

settled() { # NUMBER
	is_put_right "$from-data"
	echo "$1" > "$CBW_TMP/data/number"
	sync
	list=$(files)
	if [[ $(dmsetup table "$from-data") == *" linear $(lsblk -dno MAJ:MIN "/dev/$to/data" 2> /dev/null | tr -d ' ') 0" ]]; then
		boot "$to"
	else
		boot "$from"
	fi
}

number=1
while
	begin
	tool_dies "after:$number" pivot "$from/data"
do
	settled $number
	number=$((number + 1))
done
settled end

for step in lvrename:before lvrename:during lvrename:after vgcfgrestore:before vgcfgrestore:during vgcfgrestore:after; do
	begin
	dies_within "$step" pivot "$from/data" || [[ $step == *:during ]] || fail "it is not killed: $step"
	settled "$step"
done

# LVM takes nothing: the names are what they were.
begin
for step in lvrename vgcfgrestore; do
	KILL_AT=$step:fails PATH=$CBW_TMP/programs:$PATH cbw pivot "$from/data" 2> "$CBW_TMP/said" && fail "it goes over"
	cat "$CBW_TMP/said"
	assert_eq "$(where)" "$from" "where data is"
done
settled fails
assert_eq "$(where)" "$from" "where data is"
