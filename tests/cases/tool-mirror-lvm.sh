#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# a mounted logical volume goes over to the extents of another one, and LVM says so: activated anew it is the new one
# timeout: 900
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/move.sh"

need_module dm_thin_pool dm_snapshot
mk_null old 32 discard=1 > /dev/null
mk_null new 32 discard=1 > /dev/null
vgcreate -q vg0 /dev/old > /dev/null
lv=$(make_lv vg0/data 16)
vgextend -q vg0 /dev/new > /dev/null
say lvcreate -q -y -Zn -Wn -L 20M -n data-new vg0 /dev/new > /dev/null
make_vg vg1 64
make_lv vg1/data-new 20 > /dev/null
make_file_system "$lv" "$CBW_TMP/data"
old=$(extents vg0/data) new=$(extents vg0/data-new)

# --- refused ---------------------------------------------------------------------------------------------------

refused "a pivot of .* is possible onto a logical volume only" cbw mirror vg0/data "$(mk_null disk 32)" --pivot
make_lv vg1/data 8 > /dev/null
refused "a pivot would exchange the names, but there is a vg0/data-new already" cbw mirror vg0/data vg1/data-new --pivot
say lvcreate -q -y -L 8M -T vg1/pool --config 'global{thin_check_executable=""}' > /dev/null
refused "a pivot is not possible in vg1, which has a thin pool" cbw mirror vg1/data vg1/data-new --pivot
say lvcreate -q -y -s -L 4M -n shot vg0/data /dev/old > /dev/null
refused "a pivot of vg0/data is not possible: it has snapshots" cbw mirror vg0/data vg0/data-new --pivot
say lvremove -q -y vg0/shot > /dev/null
assert_detached vg0-data

# --- the move --------------------------------------------------------------------------------------------------

say cbw mirror vg0/data vg0/data-new --pivot --quiet
assert_detached vg0-data
assert_eq "$(extents vg0/data)" "$new" "the extents of data"
assert_eq "$(extents vg0/data-new)" "$old" "the extents of data-new"
agrees vg0/data
agrees vg0/data-new
assert_eq "$(lvs --noheadings -o lv_skip_activation vg0/data-new | xargs)" "skip activation" "the old volume"
echo "written afterwards" > "$CBW_TMP/data/afterwards"
sync
list=$(files)
activate_anew /dev/vg0/data vg0
assert_eq "$(files)" "$list" "the files after the activation"
assert_eq "$(extents vg0/data)" "$new" "the extents of data after that"
assert_eq "$(dmsetup ls | cut -f1 | xargs)" vg0-data "what is active"
! grep -q . <(find /run/cbw -name '*.exchange*') || fail "a note is left"

# --- killed ----------------------------------------------------------------------------------------------------

begin() {
	say lvchange -q -ay -K vg0/data-new
	say cbw mirror vg0/data vg0/data-new --quiet --overwrite --force
}

settled() { # NUMBER
	is_put_right vg0-data
	agrees vg0/data
	agrees vg0/data-new
	echo "$1" > "$CBW_TMP/data/number"
	sync
	list=$(files)
	activate_anew /dev/vg0/data vg0
	assert_eq "$(files)" "$list" "the files after the activation"
}

# The old volume is smaller now, and the file system as large as it was.
say lvreduce -q -f -L 16M vg0/data > /dev/null
number=1
while
	begin
	tool_dies "after:$number" pivot vg0/data
do
	settled $number
	number=$((number + 1))
done
agrees vg0/data
agrees vg0/data-new
activate_anew /dev/vg0/data vg0
assert_eq "$(files)" "$list" "the files in the end"

# While LVM is at work for it.
for step in vgcfgbackup:after vgcfgrestore:before vgcfgrestore:during vgcfgrestore:after lvchange:before lvchange:during; do
	begin
	dies_within "$step" pivot vg0/data || [[ $step == *:during ]] || fail "it is not killed: $step"
	settled "$step"
done

# Who cancels it then, and does not ask for repairs, gets the old metadata, too.
old=$(extents vg0/data)
begin
dies_within vgcfgrestore:after pivot vg0/data || fail "it is not killed"
[[ $(extents vg0/data) != "$old" ]] || fail "LVM's metadata are not written yet"
say cbw cancel vg0/data
assert_eq "$(extents vg0/data)" "$old" "the extents of data"
settled cancelled

# LVM takes nothing: it stays where it is.
old=$(extents vg0/data)
begin
KILL_AT=vgcfgrestore:fails PATH=$CBW_TMP/programs:$PATH cbw pivot vg0/data 2> "$CBW_TMP/said" && fail "it goes over"
grep "vgcfgrestore does not take the metadata of vg0" "$CBW_TMP/said" || fail "it says: $(< "$CBW_TMP/said")"
assert_eq "$(extents vg0/data)" "$old" "the extents of data"
settled fails
