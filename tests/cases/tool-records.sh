#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a record says "incomplete" from before the first write on, whatever becomes of the tool, and "complete" only at the end
# timeout: 600
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

tag() { # FIELD
	lvs --noheadings -o lv_tags vg1 | tr -d ' ' | tr ',' '\n' | sed -n "s/^cbw\.$1=//p"
}

field() { # FIELD: of the only record
	cbw list --json | json "j[0][\"$1\"]"
}

attached() {
	[[ $(dmsetup table vg0-data) == *' cbw '* && -n $(field pit 2> /dev/null) ]]
}

# The job waits: nothing was written to the target yet.
begin_and_kill() { # WHERE
	cbw backup vg0/data --to "$1" --paused --quiet &
	retry 60 attached || fail "the job does not begin"
	kill -9 $!
	wait $! 2> /dev/null || true
	assert_eq "$(field complete)" False 'complete'
}

make_vg vg0 32
make_vg vg1 64
lv=$(make_lv vg0/data 8)
fill "$lv" 8

begin_and_kill vg1
cp -r "$CBW_STATE" "$CBW_TMP/midst"
assert_eq "$(tag complete)" false 'tag'
assert_eq "$(tag origin)" vg0/data 'tag'
refused 'is not complete' cbw restore "$(field target)" vg0/data
# Whoever comes later brings it to its end.
say cbw resume vg0/data
say cbw wait vg0/data --quiet
assert_eq "$(field complete) $(tag complete)" 'True true' 'complete'
assert_detached vg0-data
say cbw verify "$(field target)" vg0/data

# A root that was restored has the state folder as it was in the midst of the backup.
take_back() {
	rm -rf "$CBW_STATE"
	cp -r "$CBW_TMP/midst" "$CBW_STATE"
}

known_though_taken_back() {
	assert_eq "$(field complete) $(cbw list --json | json 'len(j)')" 'True 1' 'complete, and how many'
	say cbw restore "$(field target)" vg0/data
	says_nothing cbw repair
	assert_eq "$(field complete) $(field there)" 'True True' 'complete and there'
}

take_back
known_though_taken_back
sleep 1
say cbw backup vg0/data --to vg1 --keep 2 --quiet
assert_eq "$(lvs --noheadings vg1 | wc -l)" 2 'backups that are kept'
lvremove -q -y vg1 > /dev/null
rm "$CBW_STATE"/*
begin_and_kill "$CBW_TMP/midst.img"
rm -rf "$CBW_TMP/midst"
cp -r "$CBW_STATE" "$CBW_TMP/midst"
say cbw resume vg0/data
say cbw wait vg0/data --quiet
take_back
known_though_taken_back

rm "$CBW_STATE"/* "$CBW_TMP"/midst.img*
say cbw backup vg0/data --to vg1 --quiet
lvremove -q -y vg1 > /dev/null
assert_eq "$(cbw list | tail -n 1 | grep -c ' gone ')" 1 'a backup that is gone'
rm "$CBW_STATE"/*

# A job that was cancelled leaves no volume behind, but a record of the failure.
begin_and_kill vg1
dmsetup message vg0-data 0 cancel
say cbw repair
assert_detached vg0-data
assert_eq "$(lvs --noheadings vg1)" '' 'volumes that are left'
assert_eq "$(field complete) $(field finished)" 'False True' 'complete and finished'

# The record goes with the image.
rm "$CBW_STATE"/*
mkdir "$CBW_TMP/there"
say cbw backup vg0/data --to "$CBW_TMP/here.img" --quiet
rm "$CBW_STATE"/*
mv "$CBW_TMP/here.img" "$CBW_TMP/there/image"
mv "$CBW_TMP/here.img.cbw.json" "$CBW_TMP/there/image.cbw.json"
say cbw restore "$CBW_TMP/there/image" vg0/data
sed -i 's/"complete": *true/"complete":false/' "$CBW_TMP/there/image.cbw.json"
refused 'is not complete' cbw restore "$CBW_TMP/there/image" vg0/data

# What completes while another one is put right is not taken for what it was before that.
mk_linear gate "$(mk_null kept 4)" > /dev/null
mk_linear first "$(mk_null first0 4)" > /dev/null
mk_linear second "$(mk_null second0 4)" > /dev/null
say cbw backup first /dev/mapper/gate --checksum --quiet
sed -i 's/"finished": *true/"finished":false/' "$CBW_STATE"/*.json
sleep 1
say cbw backup second --to "$CBW_TMP/second.img" --no-wait --paused
dmsetup suspend gate
cbw repair &
repair=$!
retry 30 eval '[[ $(dmsetup info -c --noheadings -o open gate) == 1 ]]' || fail "it makes no checksums"
say cbw resume second
say cbw wait second --quiet
dmsetup resume gate
wait $repair
assert_eq "$(cbw list --json | json '[(r["complete"], r["finished"], r["there"]) for r in j]')" '[(True, True, True), (True, True, True)]' \
	'complete, finished and there'
say cbw restore "$CBW_TMP/second.img" second
