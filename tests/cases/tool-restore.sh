#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a volume that was backed up under load and then destroyed is restored; what must not be restored is refused
# timeout: 600
# needs: mkfs.ext4 fsck.ext4 fio
# shellcheck disable=SC2034,SC2154 # $pid is of tool_begins; a variable in eval
. "$CBW_LIB"
. "${CBW_LIB%/*}/volumes.sh"

load() {
	until [[ -e $CBW_TMP/stop ]]; do
		fio --name=load --directory="$CBW_TMP/data" --rw=randwrite --bs=8k --size=2m --ioengine=psync --fsync=8 \
			--randseed="$CBW_SEED" > "$CBW_TMP/fio" 2>&1 || return
	done
}

make_vg vg0 96
make_vg vg1 64
lv=$(make_lv vg0/data 24)
make_file_system "$lv" "$CBW_TMP/data"
load &
load=$!
retry 30 test -e "$CBW_TMP/data/load.0.0"
say cbw backup vg0/data --to vg1 --quiet
touch "$CBW_TMP/stop"
wait "$load" || fail "fio: $(< "$CBW_TMP/fio")"
backup=vg1/$(lvs --noheadings -o lv_name vg1 | xargs)

refused "vg0-data is mounted on $CBW_TMP/data" cbw restore "$backup" vg0/data
umount "$CBW_TMP/data"
make_lv vg0/small 20 > /dev/null
refused 'too small: it has 20971520 bytes' cbw restore "$backup" vg0/small
mk_linear above "$lv" > /dev/null
refused 'in use by /dev/mapper/above' cbw restore "$backup" vg0/data
dmsetup remove above
record=$(echo "$CBW_STATE"/*.json)
sed -i.good 's/"complete": *true/"complete":false/' "$record"
refused 'is not complete' cbw restore "$backup" vg0/data --force
mv "$record.good" "$record"
refused 'nothing is known of a backup /dev/disk-vg1' cbw restore /dev/disk-vg1 vg0/data

fill "$lv" 24
say cbw restore "$backup" vg0/data
say fsck.ext4 -fn "$lv"
mount "$lv" "$CBW_TMP/data"
diff -r /usr/share/common-licenses "$CBW_TMP/data/common-licenses"
umount "$CBW_TMP/data"
assert_eq "$(lvs --noheadings -o lv_active "$backup" | xargs)" '' 'activity of the backup'

# By its generation, to a larger volume, of which the rest stays.
larger=$(make_lv vg0/larger 28)
fill "$larger" 28
rest=$(tail -c 4M "$larger" | sha256sum)
say cbw restore "$(cbw list --json | json 'j[0]["generation"][:8]')" vg0/larger
say cbw verify "$backup" vg0/larger
assert_eq "$(tail -c 4M "$larger" | sha256sum)" "$rest" 'what lies behind'

# While it goes on, nothing goes from the volume to the backup; and what was written over it from elsewhere is no restored backup.
low=$(mk_null low 28)
dmsetup create slow --table "0 $(dev_sectors "$low") delay $low 0 0 $low 0 2000"
mk_linear other "$(mk_null other0 24)" > /dev/null
plain=$(mk_null plain 28)
stop_restore() { # BACKUP: in its midst
	local before
	before=$(dev_writes "$low")
	tool_begins restore "$1" slow
	retry 30 eval '(($(dev_writes "$low") > before))' || fail "it writes nothing"
	kill -STOP "$pid"
}

stop_restore "$backup"
refused 'another cbw is at work on' cbw backup slow "$plain"
kill -CONT "$pid"
tool_ends 0 '.*'
say cbw backup other "$plain" --quiet
stop_restore "$plain"
say cbw backup other "$plain" --overwrite --quiet
kill -CONT "$pid"
tool_ends 1 "cbw: the backup $plain was overwritten meanwhile"
grep -q 'slow is written, but not known to be right' "$CBW_TMP/said"
