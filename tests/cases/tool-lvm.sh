#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a backup to a volume group makes an inactive, tagged volume; LVM does not mind it; the oldest are pruned
# timeout: 600
# needs: mkfs.ext4
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

backups() {
	lvs --noheadings -o lv_name vg1 -S lv_tags=cbw | xargs
}

back_up() { # [OPTION]...
	# The names have a time in seconds.
	sleep 1
	say cbw backup vg0/my-data --to vg1 --quiet "$@"
	assert_detached vg0-my--data
}

make_vg vg0 32
make_vg vg1 128
lv=$(make_lv vg0/my-data 16)
make_file_system "$lv" "$CBW_TMP/data"

# LVM is slow: it is asked once each time that tags are written, before and after the instant, and at the end.
mkdir "$CBW_TMP/bin"
printf '#!/bin/sh\necho >> %q\nexec %q "$@"\n' "$CBW_TMP/asked" "$(command -v lvs)" > "$CBW_TMP/bin/lvs"
chmod +x "$CBW_TMP/bin/lvs"
PATH=$CBW_TMP/bin:$PATH back_up --checksum
assert_eq "$(wc -l < "$CBW_TMP/asked")" 3 'how often lvs was run'
first=$(backups)
[[ $first =~ ^my-data-cbw-[0-9]{8}T[0-9]{6}Z$ ]] || fail "the name of the volume is $first"
assert_eq "$(lvs --noheadings -o lv_active,lv_skip_activation vg1 | xargs)" 'skip activation' 'activation'
lvs -o lv_tags --noheadings vg1 | tr -d ' ' | tr ',' '\n' | grep -x 'cbw.complete=true'
vgchange -q -ay vg1 > /dev/null
[[ ! -e /dev/mapper/vg1-${first//-/--} ]] || fail "the backup has become active"
{ lvs && vgs && pvs; } 2>&1 > /dev/null | tee "$CBW_TMP/complaints" >&2
[[ ! -s $CBW_TMP/complaints ]] || fail "LVM complains"

list=$(cbw list --json)
assert_eq "$(json 'j[0]["target"]' <<< "$list")" "vg1/$first" 'target in the list'
assert_eq "$(json 'j[0]["origin"]' <<< "$list")" vg0/my-data 'origin in the list'
assert_eq "$(json 'j[0]["complete"]' <<< "$list")" True 'complete, in the list'
assert_eq "$(json 'j[0]["size"]' <<< "$list")" $((16 * 1048576)) 'size in the list'
say cbw verify "vg1/$first"
[[ ! -e /dev/mapper/vg1-${first//-/--} ]] || fail "the backup has stayed active"

# A dry run changes nothing, and the lines that it prints do it.
printf '#!/bin/sh\necho "$@" >> %q\n' "$CBW_TMP/changed" > "$CBW_TMP/bin/lvchange"
chmod +x "$CBW_TMP/bin/lvchange"
mk_null spare 16 > /dev/null
for read in "export vg1/$first" "verify vg1/$first" "restore vg1/$first /dev/spare"; do
	# shellcheck disable=SC2086 # words
	PATH=$CBW_TMP/bin:$PATH say cbw $read --dry-run > "$CBW_TMP/lines"
done
[[ ! -e $CBW_TMP/changed ]] || fail "a dry run has called lvchange: $(< "$CBW_TMP/changed")"
bash -ex "$CBW_TMP/lines"
say cbw verify "vg1/$first" /dev/spare
[[ ! -e /dev/mapper/vg1-${first//-/--} ]] || fail "the backup has stayed active"

# What is on the tags is enough.
mv "$CBW_STATE" "$CBW_STATE.lost"
assert_eq "$(cbw list --json)" "$list" 'list, from the tags'
rm -rf "$CBW_STATE"
mv "$CBW_STATE.lost" "$CBW_STATE"

back_up --keep 2
second=$(backups)
second=${second#"$first "}
back_up --keep 2
[[ $(backups) == "$second "* ]] || fail "not the oldest was removed: $(backups)"
assert_eq "$(backups | wc -w)" 2 'backups that are kept'
assert_eq "$(find "$CBW_STATE" -name '*.json' | wc -l)" 2 'records that are kept'
assert_eq "$(find "$CBW_STATE" -name '*.sums' | wc -l)" 0 'checksums that are left'

# By another name its record would not know what becomes of it.
lvchange -q -ay -K "vg1/$second"
refused "vg1/$second was made for a backup of vg0/my-data: name another target, or remove it" cbw backup vg0/my-data "vg1/$second" --force --overwrite
lvchange -q -an "vg1/$second"

refused 'insufficient free space' cbw backup vg0/my-data --to vg0
assert_detached vg0-my--data
assert_eq "$(lvs --noheadings -o lv_name vg0 | xargs)" my-data 'volumes that are left'
refused 'no volume group none' cbw backup vg0/my-data --to none
