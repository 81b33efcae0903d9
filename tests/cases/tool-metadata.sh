#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# attach keeps the tracking map on a metadata device, backups go on with it, and it is there again after a boot
# timeout: 400
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/volumes.sh"

make_volume
metadata=$(mk_null metadata 1)
number=$(stat -Lc '%Hr:%Lr' "$metadata")
mk_linear little "$metadata" 0 8 > /dev/null

write() { # CHUNK
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek="$1" oflag=direct status=none
}

checked() { # EXPRESSION
	cbw check "$metadata" --json | json "$1"
}

is_tracked() { # WORDS
	assert_eq "$(dmsetup table cbw | cut -d' ' -f6-)" "128 track $1" "the table"
}

wrong_use 2 'attach needs a volume' attach --metadata "$metadata"
wrong_use 2 '--metadata and --metadata-vg exclude each other' attach cbw --metadata "$metadata" --metadata-vg vg0
wrong_use 2 '--metadata takes one volume: each needs a device of its own' attach cbw little --metadata "$metadata"
wrong_use 2 '--force needs --metadata or --metadata-vg' attach cbw --force
wrong_use 2 '--on-metadata-error needs --metadata or --metadata-vg' attach cbw --on-metadata-error break-write
wrong_use 2 "--on-metadata-error takes break-map or break-write, not 'ignore'" attach cbw --metadata "$metadata" --on-metadata-error ignore
wrong_use 1 '/dev/mapper/cbw is the volume itself' attach cbw --metadata cbw
wrong_use 1 "$origin holds the data of /dev/mapper/cbw" attach cbw --metadata "$origin"
wrong_use 1 "$metadata is in use by another device" attach cbw --metadata "$metadata"
wrong_use 1 '/dev/mapper/little is too small for the tracking map: it has 4096 bytes, and 8192 are needed' attach cbw --metadata little
dmsetup remove --retry little
mkfs.ext4 -q "$metadata" 2> /dev/null
wrong_use 1 "$metadata carries ext4 .*: --force overwrites it" attach cbw --metadata "$metadata"
wrong_use 1 "$metadata is not a metadata device" check "$metadata"
wipefs -aq "$metadata"
mkfs.btrfs -q -f "$(mk_null large 128)" > /dev/null
wrong_use 1 "/dev/large carries btrfs .*: --force overwrites it" attach cbw --metadata /dev/large
assert_eq "$(dmsetup table cbw)" "$table" "the table"

# A dry run does not even open it for writing.
before=$(sha256sum < "$metadata")
blockdev --setro "$metadata"
tool attach cbw --metadata "$metadata" --force --dry-run > "$CBW_TMP/lines"
grep -q "^dd if=/dev/zero of='$metadata' bs=4096 count=1 " "$CBW_TMP/lines" || fail "it prints $(< "$CBW_TMP/lines")"
wrong_use 1 "$metadata .*: --force overwrites it" attach cbw --metadata "$metadata" --dry-run
blockdev --setrw "$metadata"
assert_eq "$(sha256sum < "$metadata") $(dmsetup table cbw)" "$before $table" "what is there"
tool attach cbw --metadata "$metadata" --force --on-metadata-error break-write
is_tracked "4 metadata $number on_metadata_error break-write"
write 1
assert_eq "$(checked '[j["generation"], j["closed"], j["size"], j["chunk"]]')" "[None, False, 4194304, 65536]" "what check tells"
# What is refused makes no volume, and overwrites nothing.
make_vg vg0 32
dd if=/dev/urandom of="$(mk_null spare 1)" bs=4K count=1 oflag=direct status=none
before=$(sha256sum < /dev/spare)
wrong_use 1 'the changes of cbw are tracked already' attach cbw --metadata-vg vg0
wrong_use 1 'the changes of cbw are tracked already' attach cbw --metadata /dev/spare --force
blockdev --flushbufs /dev/spare
assert_eq "$(sha256sum < /dev/spare) $(lvs --noheadings vg0)" "$before " "what is there"
tool backup cbw "$target" --quiet
is_tracked "4 metadata $number on_metadata_error break-write"
assert_same "$origin" "$target"
now=$(checked 'j["generation"]')
write 3
assert_eq "$(checked 'j["changed"]')" 65536 "what has changed"
assert_eq "$(tool check "$metadata" | grep -c "$now\|^state  *open\|^volume  *4.0 MiB, in chunks of 64.0 KiB\|^changed  *64.0 KiB or less")" 4 "what check prints"

boot() {
	dmsetup remove --retry cbw
	retry 10 eval '! dmsetup info cbw-cbw > /dev/null 2>&1' || fail "the hidden device stays"
	rmmod dm_cbw
	insmod "$CBW_KO"
	mk_linear cbw "$origin" > /dev/null
	tool attach cbw --metadata "$metadata"
}

boot
is_tracked "2 metadata $number"
assert_eq "$(cbw status cbw --json | json '[j[0]["changes"]["generation"], j[0]["changes"]["chunks"]]')" "['$now', 1]" "what is known after a boot"
far() { # ARGUMENT...: on another machine, of which $copy is
	CBW_STATE=$CBW_TMP/far tool "$@"
}
copy=$(mk_null copy 4)
tool export "$target" --full 2> /dev/null | far apply - "$copy"
# Whoever repairs knows of it from the table.
tool backup cbw "$target" --sync incremental --no-wait --paused
dmsetup message cbw 0 cancel
tool repair > /dev/null
is_tracked "2 metadata $number"

# The machine stops when a backup has completed, but the metadata device does not say so yet: it has the one before, and all since.
tool backup cbw "$target" --sync incremental --no-wait --paused
dd if="$metadata" of="$CBW_TMP/before" bs=64k iflag=direct status=none
tool resume cbw
tool wait cbw --quiet
[[ $(checked 'j["generation"]') != "$now" ]] || fail "the same generation"
tool export "$target" 2> /dev/null | far apply - "$copy"
dmsetup remove --retry cbw
dd if="$CBW_TMP/before" of="$metadata" bs=64k oflag=direct status=none
rmmod dm_cbw
insmod "$CBW_KO"
mk_linear cbw "$origin" > /dev/null
tool attach cbw --metadata "$metadata"
assert_eq "$(checked 'j["generation"]')" "$now" "the generation"
write 5
tool backup cbw "$target" --sync incremental --quiet
assert_same "$origin" "$target"
tool export "$target" 2> /dev/null | far apply - "$copy"
assert_same "$origin" "$copy"
# It was mounted before it was attached, or the like.
dmsetup remove --retry cbw
rmmod dm_cbw
insmod "$CBW_KO"
mk_linear cbw "$origin" > /dev/null
write 9
tool attach cbw --metadata "$metadata"
assert_eq "$(cbw status cbw --json | json 'j[0]["changes"]["generation"]')" None "what is known of a volume that was written to"
tool detach cbw
assert_eq "$(checked 'j["generation"]')" None "what is on the device"
wrong_use 1 "$metadata has the tracking map of another volume, or of chunks of another size: --force begins a new one" attach cbw --chunk 16K --metadata "$metadata"
dd if=/dev/urandom of="$metadata" bs=4 count=1 seek=10 conv=notrunc status=none
wrong_use 1 "the superblock of $metadata is damaged: its tracking map will begin anew" check "$metadata"

# It fails.
mk_linear failing /dev/spare > /dev/null
tool attach cbw --metadata failing --force
write 1
assert_eq "$(cbw status cbw --json | json 'j[0]["changes"]["kept"]')" durable "where it is kept"
dmsetup load failing --table "0 $(dev_sectors /dev/spare) error"
dmsetup resume failing
write 2
says_failed() {
	cbw status cbw | grep -qE '^cbw: changes are tracked; .*; the metadata device has failed$'
}
retry 10 says_failed || fail "it says: $(cbw status cbw)"
assert_eq "$(cbw status cbw --json | json 'j[0]["changes"]["kept"]')" failed "where it is kept"
tool backup cbw "$target" --overwrite --no-wait --paused
cbw status cbw | grep -q '; the metadata device has failed$' || fail "it says: $(cbw status cbw)"
tool cancel cbw
tool detach cbw
dmsetup remove --retry failing

# On a volume that is made for it, and found again, also by the lines of a dry run.
with_lines() {
	tool attach cbw --metadata-vg vg0 --dry-run > "$CBW_TMP/lines"
	assert_eq "$(lvs --noheadings -o lv_active vg0 | xargs) $(dmsetup table cbw)" "$1 $table" "what is there after a dry run"
	bash -ex "$CBW_TMP/lines"
}
for attach in "with_lines ''" "tool attach cbw --metadata-vg vg0" "tool attach cbw --metadata-vg vg0" "with_lines ''"; do
	lvchange -q -an vg0
	eval "$attach"
	is_tracked "2 metadata $(stat -Lc '%Hr:%Lr' /dev/vg0/cbw-cbw-metadata)"
	tool detach cbw
done
assert_eq "$(lvs --noheadings -o lv_name,lv_tags vg0 | xargs)" "cbw-cbw-metadata cbw.metadata" "volumes"
