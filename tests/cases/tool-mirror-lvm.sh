#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# a mounted logical volume goes over to the extents of another one, and LVM says so: activated anew it is the new one
# timeout: 600
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

need_module dm_thin_pool
extents() { # LV
	lvs --noheadings -o seg_pe_ranges "vg0/$1" | xargs
}

# The table is that which LVM would load.
agrees() { # LV
	local before
	before=$(dmsetup table "vg0-${1//-/--}")
	say lvchange --refresh "vg0/$1"
	assert_eq "$(dmsetup table "vg0-${1//-/--}")" "$before" "the table of $1"
}

files() {
	(cd "$CBW_TMP/data" && find . -type f -exec sha256sum {} + | sort -k2)
}

# As a boot does it.
activate_anew() {
	say umount "$CBW_TMP/data"
	say vgchange -q -an vg0
	say vgchange -q -ay vg0
	say mount /dev/vg0/data "$CBW_TMP/data"
}

mk_null old 32 discard=1 > /dev/null
mk_null new 32 discard=1 > /dev/null
vgcreate -q vg0 /dev/old > /dev/null
lv=$(make_lv vg0/data 16)
vgextend -q vg0 /dev/new > /dev/null
say lvcreate -q -y -Zn -Wn -L 20M -n data-new vg0 /dev/new > /dev/null
make_vg vg1 64
make_lv vg1/data-new 20 > /dev/null
make_file_system "$lv" "$CBW_TMP/data"
old=$(extents data) new=$(extents data-new)

# --- refused ---------------------------------------------------------------------------------------------------

refused "a pivot of .* is possible onto a logical volume of vg0 only" cbw mirror vg0/data vg1/data-new --pivot
make_lv vg1/data 8 > /dev/null
say lvcreate -q -y -L 8M -T vg1/pool --config 'global{thin_check_executable=""}' > /dev/null
refused "a pivot is not possible in vg1, which has a thin pool" cbw mirror vg1/data vg1/data-new --pivot
assert_detached vg0-data

# --- the move --------------------------------------------------------------------------------------------------

say cbw mirror vg0/data vg0/data-new --pivot --quiet
assert_detached vg0-data
assert_eq "$(extents data)" "$new" "the extents of data"
assert_eq "$(extents data-new)" "$old" "the extents of data-new"
agrees data
agrees data-new
echo "written afterwards" > "$CBW_TMP/data/afterwards"
sync
list=$(files)
activate_anew
assert_eq "$(files)" "$list" "the files after the activation"
assert_eq "$(extents data)" "$new" "the extents of data after that"
! grep -q . <(find /run/cbw -name '*.exchange*') || fail "a note is left"

# --- killed ----------------------------------------------------------------------------------------------------

# The old volume is smaller now, and the file system as large as it was.
say lvreduce -q -f -L 16M vg0/data > /dev/null
number=1
while
	say cbw mirror vg0/data vg0/data-new --quiet --overwrite --force
	tool_dies "after:$number" pivot vg0/data
do
	retry 15 eval '! is_suspended vg0-data' || fail "the volume stays suspended"
	cbw repair | tee "$CBW_TMP/said"
	! grep "its mirror goes on" "$CBW_TMP/said" || say cbw cancel vg0/data
	[[ -z $(cbw repair) ]] || fail "repair has left something"
	agrees data
	agrees data-new
	echo $number > "$CBW_TMP/data/number"
	sync
	list=$(files)
	activate_anew
	assert_eq "$(files)" "$list" "the files after the activation"
	number=$((number + 1))
done
agrees data
agrees data-new
activate_anew
assert_eq "$(files)" "$list" "the files in the end"
