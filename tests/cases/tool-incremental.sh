#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# an incremental backup goes on from the one before it, also from one that came to nothing, or is refused and changes nothing
# timeout: 600
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/tool.sh"

null_devices 4
other=$(mk_null other 5)

increment() { # OPTION...
	tool backup cbw "$target" --sync incremental --json "$@" > "$CBW_TMP/outcome"
}

total() { # of the chunks that the last one saved
	json 'j[0]["total"]' < "$CBW_TMP/outcome"
}

write() { # CHUNK
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek="$1" oflag=direct status=none
}

holds_volume() { # [DEVICE]
	assert_same /dev/mapper/cbw "${1:-$target}" $((length * 512))
}

field() { # FIELD: of the record of the target
	cbw list --json | json "[r[\"$1\"] for r in j if r[\"target\"] == \"$target\"]"
}

# One sentence, and neither a record nor the target is another afterwards.
is_refused() { # REGEX TARGET
	local before
	before=$(sha256sum "$2" "$CBW_STATE"/* 2> /dev/null || true)
	wrong_use 1 "$1: make a full backup.*" backup cbw "$2" --sync incremental
	[[ $(sha256sum "$2" "$CBW_STATE"/* 2> /dev/null || true) == "$before" ]] || fail "something was written"
}

is_refused 'the changes of cbw are not tracked' "$target"
tool backup cbw "$target" --overwrite --quiet
assert_eq "$(field map)" "['']" "the generation without a map"
tool attach cbw
is_refused 'there is no backup that the changes of cbw are tracked since' "$target"

prove_chain 3
assert_eq "$(field complete) $(cbw list --json | json 'len(j)')" "[True] 1" "the record"

# Only what has changed.
increment
write 3
write 5
increment
assert_eq "$(total)" 2 "what was saved"
holds_volume
increment
assert_eq "$(total) $(json 'j[0]["success"]' < "$CBW_TMP/outcome")" "0 True" "what was saved of nothing"

# One that came to nothing is no backup, and the next one makes it one.
comes_to_nothing() { # COMMAND: ends it when some of it is saved
	local was
	was=$(field map)
	write 7
	write 9
	tool backup cbw "$target" --sync incremental --no-wait --paused
	write 9
	await_status cbw=1
	"$1"
	assert_eq "$(field complete) $(field finished) $(field base)" "[False] [True] $was" "the record"
	wrong_use 1 "the backup $target is not complete: an incremental one may complete it" restore "$target" "$other"
	write 11
	increment
	assert_eq "$(total)" 3 "what was saved"
	assert_eq "$(field complete) $(field base)" "[True] $was" "the record"
	holds_volume
}
cancelled() {
	tool cancel cbw
}
repaired() {
	dmsetup message cbw 0 cancel
	tool repair
}
comes_to_nothing cancelled
comes_to_nothing repaired

# What was begun, and comes to no job, leaves all as it was.
kept() { # the records, and what goes with them
	(cd "$CBW_STATE" && sha256sum -- *)
}
increment --checksum
was=$(kept)
assert_eq "$(grep -cE '\.(json|sums|ranges)$' <<< "$was")" 3 "files"
write 13
comes_to_no_job() { # STEP OPTION...: before which somebody else changes the volume
	CBW_STEP=stop:$1 tool_begins backup cbw "$target" "${@:2}"
	retry 30 grep -q '^State:.T' "/proc/$pid/status" || fail "it does not stop"
	assert_eq "$(field complete)" "[False]" "the record before the job"
	dmsetup suspend cbw
	kill -CONT "$pid"
	tool_ends 1 'cbw: somebody else has changed cbw in the meantime: try again'
	assert_eq "$(kept)" "$was" "what is known"
}
comes_to_no_job 2 --sync incremental
comes_to_no_job 1 --overwrite
increment
assert_eq "$(total)" 1 "what was saved"
holds_volume

# Killed at each step, it leaves what the next one goes on from.
number=1
write 1
while tool_dies "after:$number" backup cbw "$target" --sync incremental --quiet; do
	volume_works
	tool repair > /dev/null
	if has_job && [[ $(dmsetup table cbw) != *" track "* ]]; then
		tool wait cbw --quiet
	fi
	write $((number + 20))
	increment
	holds_volume
	number=$((number + 1))
done
# A question before the load of the job and one after it, its load and resume, four after that, its figures, and the load and resume of track.
assert_eq "$((number - 1))" 11 "the number of steps"

# A backup elsewhere takes the changes with it, if it completes.
tool backup cbw "$other" --no-wait --paused
tool cancel cbw
write 2
increment
holds_volume
is_refused "the backup $other was never complete" "$other"
tool backup cbw "$other" --quiet
is_refused "the changes of cbw are tracked since another backup than $target" "$target"
write 4
tool backup cbw "$(stat -L -c %Hr:%Lr "$other")" --sync incremental --quiet
holds_volume "$other"

# Of another volume, of which nothing is known, and that is something else by now.
mk_linear v1 "$(mk_null spare 4)" > /dev/null
tool attach v1
tool backup v1 "$target" --overwrite --quiet
is_refused "$target is a backup of v1, not of cbw" "$target"
is_refused 'no backup of cbw is known at /dev/spare' /dev/spare
tool detach v1
mkfs.ext4 -q "$other"
is_refused "$other is not the device, or no longer holds, the backup of cbw" "$other"

# Nothing tells those devices from others, but a file system that is mounted writes to either of these places.
tool backup cbw "$target" --overwrite --quiet
increment 2> "$CBW_TMP/said"
grep -q "^cbw: warning: nothing tells $target from another device: " "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
for place in 1080 65600; do
	dd if="$target" of="$CBW_TMP/byte" bs=1 skip="$place" count=1 status=none
	tr '\0-\377' '\1-\377\0' < "$CBW_TMP/byte" | dd of="$target" bs=1 seek="$place" conv=notrunc,fsync status=none
	is_refused "$target is not the device, or no longer holds, the backup of cbw" "$target"
	dd if="$CBW_TMP/byte" of="$target" bs=1 seek="$place" conv=notrunc,fsync status=none
done
write 2
increment
holds_volume

# Two disks that take turns at one name; only that of the newest backup is one to go on from.
take_turn() { # DISK
	ln -sfn "/dev/mapper/$1" "$disk"
}
disk=$CBW_TMP/disk
for one in a b; do
	dmsetup create $one --uuid "disk-$one" --table "0 $((5 << 11)) linear $(mk_null "null-$one" 5) 0"
done
take_turn a
tool backup cbw "$disk" --quiet
write 6
tool backup cbw "$disk" --sync incremental --quiet 2> "$CBW_TMP/said"
! grep warning "$CBW_TMP/said" || fail "a warning of a device that is known"
holds_volume "$disk"
dd if=/dev/mapper/a of=/dev/mapper/b bs=1M oflag=direct status=none
take_turn b
is_refused "$disk is not the device, or no longer holds, the backup of cbw" "$disk"
tool backup cbw "$disk" --quiet
write 8
tool backup cbw "$disk" --sync incremental --quiet
holds_volume "$disk"
take_turn a
is_refused "the changes of cbw are tracked since another backup than $disk" "$disk"
is_refused "the changes of cbw are tracked since another backup than $disk" /dev/mapper/a
tool backup cbw "$disk" --quiet
take_turn b
is_refused "the changes of cbw are tracked since another backup than $disk" "$disk"
write 10
tool backup cbw /dev/mapper/a --sync incremental --quiet
holds_volume /dev/mapper/a
assert_eq "$(cbw list --json | json 'sorted([r["device"], r["target"], r["there"]] for r in j if r["device"])')" \
	"[['disk-a', '/dev/mapper/a', True], ['disk-b', '$disk', True]]" "the records of the two"

# Somebody else makes a backup by hand, after the last look at the map and before the job is loaded.
tool backup cbw "$target" --overwrite --quiet
was=$(dmsetup table cbw)
CBW_STEP=stop:2 tool_begins backup cbw "$target" --sync incremental
retry 30 grep -q '^State:.T' "/proc/$pid/status" || fail "it does not stop"
dmsetup load cbw --table "$(cbw_table "$(cut -d' ' -f4 <<< "$was")" "$other" 128 '' "$length")"
dmsetup resume cbw
cbw_wait cbw completed
dmsetup load cbw --table "$was"
dmsetup resume cbw
kill -CONT "$pid"
tool_ends 1 'cbw: somebody else has backed up cbw in the meantime: make a full backup'
assert_eq "$(dmsetup table cbw) $(field complete)" "$was [True]" "what is there"
is_refused "the changes of cbw are tracked since another backup than $target" "$target"
