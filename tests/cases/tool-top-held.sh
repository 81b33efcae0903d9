#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what is used cannot be told, and all is saved; whoever dies or is told to end while the job is held for that leaves nothing behind; the backup is one to go on from, to print as lines, and of several volumes
# tier: long
# timeout: 1200
# needs: python3 mkfs.ext4 partclone.ext4
# shellcheck disable=SC2119,SC2120,SC2154 # options that are left out; the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
make_volume 16
live=$CBW_TMP/live backup=$CBW_TMP/backup
mkdir "$live" "$backup" "$CBW_TMP/bin"
all=$((16 << 20))

cat > "$CBW_TMP/bin/partclone.ext4" <<-END
	#!/bin/bash
	while [[ -e $CBW_TMP/wait ]]; do sleep 0.2; done
	if [[ -e $CBW_TMP/map ]]; then
		exec cat "$CBW_TMP/map"
	fi
	exec "$(command -v partclone.ext4)" "\$@"
END
chmod +x "$CBW_TMP/bin/partclone.ext4"
PATH=$CBW_TMP/bin:$PATH

top() { # OPTION...
	tool backup cbw "$target" --overwrite --force --sync top --json "$@" > "$CBW_TMP/outcome" 2> "$CBW_TMP/said"
}

saved() { # [NUMBER]: bytes
	json "j[${1:-0}]['total'] * j[${1:-0}]['chunk_bytes']" < "$CBW_TMP/outcome"
}

says_all() { # REASON [OPTION...]
	top "${@:2}"
	grep -qx "cbw: warning: all of cbw is saved: $1" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
	assert_eq "$(grep -c . "$CBW_TMP/said") $(saved)" "2 $all" "the number of lines and bytes"
	assert_eq "$(cbw list --json | json 'j[-1]["top"]')" False "the record"
	volume_is_own "$table"
	# A mounted file system goes on.
	[[ -e $live/one ]] || assert_same "$origin" "$target"
}

is_held() {
	[[ $(dmsetup status "${1:-cbw}") == *" paused backup top "*" held" ]]
}

has_view() {
	dmsetup info cbw-pit &> /dev/null
}

begin_held() { # a job that waits for what is used
	touch "$CBW_TMP/wait"
	tool_begins backup cbw "$target" --overwrite --force --sync top "$@"
	retry 30 has_view || fail "there is no view: $(< "$CBW_TMP/said")"
	is_held || fail "it is not held: $(dmsetup status cbw)"
}

right_files() {
	fsck.ext4 -fn "$target" > "$CBW_TMP/fsck" 2>&1 || fail "$(< "$CBW_TMP/fsck")"
	mount -o ro "$target" "$backup"
	diff -r "$live" "$backup" || fail "the files differ"
	umount "$backup"
}

# --- what is used cannot be told ---

head -c "$all" /dev/urandom > /dev/mapper/cbw
says_all 'it has no file system of which it is known what that uses'
mkfs.ext4 -qF /dev/mapper/cbw
not_clean='its file system is not mounted from it here, for writing, so it may not be clean'
says_all "$not_clean"
mount -o ro /dev/mapper/cbw "$live"
says_all "$not_clean"
umount "$live"
# It is mounted, but the suspend of the volume does not freeze it.
mk_linear upper /dev/mapper/cbw > /dev/null
mount /dev/mapper/upper "$live"
top
grep -q "$not_clean" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
assert_eq "$(saved)" "$all" "what was saved"
umount "$live"
dmsetup remove upper
mount /dev/mapper/cbw "$live"
cp -r /etc/init.d "$live/one" && sync -f "$live"
for map in '' '# nothing' '0x0 0x8000 +
0x10000 0xff0000 ?' '0x0 0x8100 +
0x8100 0x100000 ?'; do
	printf '%s\n' "$map" > "$CBW_TMP/map"
	says_all 'it is not understood what partclone says of its file system'
done
rm "$CBW_TMP/map"
mkdir "$CBW_TMP/map"
says_all 'partclone, which is to tell what its file system uses, is missing or fails'
rmdir "$CBW_TMP/map"

# --- it can ---

top
(($(saved) < all / 2)) || fail "it saved $(saved)"
right_files
wrong_use 1 "$target holds only what the file system used, so it differs elsewhere: .*" verify "$target" /dev/mapper/cbw
assert_eq "$(cbw list --json | json 'j[-1]["top"]')" True "the record"
top --checksum
tool verify "$target"

# As lines.
tool backup cbw "$target" --overwrite --force --sync top --dry-run > "$CBW_TMP/lines"
grep -q "bitmap remove" "$CBW_TMP/lines" || fail "it prints $(< "$CBW_TMP/lines")"
dd if=/dev/zero of="$target" bs=1M count=16 oflag=direct status=none
bash -ex "$CBW_TMP/lines" > "$CBW_TMP/said" 2>&1 || fail "$(< "$CBW_TMP/said")"
volume_is_own "$table"
right_files
written=$(tr -d '\0' < "$target" | wc -c)
((written < all / 2)) || fail "it has written $written bytes"

# Each of two volumes has its own list.
mk_linear v1 "$(mk_null o1 4)" > /dev/null
head -c 4M /dev/urandom > /dev/mapper/v1
tool backup cbw v1 "$target" "$(mk_null t1 4)" --overwrite --force --sync top --json > "$CBW_TMP/outcome"
(($(saved 0) < all / 2 && $(saved 1) == 4 << 20)) || fail "it saved $(saved 0) and $(saved 1)"
assert_same /dev/o1 /dev/t1
right_files

# --- while it is held ---

begin_held
wrong_use 1 'the job of cbw has not started: what is to be saved is still being listed' resume cbw
assert_eq "$(tool repair)" "cbw: another cbw is at work on it" "what repair says"
tool cancel cbw
rm "$CBW_TMP/wait"
tool_ends 1 'cbw: the backup of cbw was cancelled'
volume_is_own "$table"
# Whom it has asked need not answer first.
for signal in INT TERM; do
	begin_held --no-wait
	kill -$signal "$pid"
	tool_ends 1 'cbw: the backup of cbw was cancelled'
	assert_eq "$(grep -c . "$CBW_TMP/said")" 1 "the number of lines in '$(< "$CBW_TMP/said")'"
	volume_is_own "$table"
done
rm "$CBW_TMP/wait"

# Who waits for it learns that the other is gone.
begin_held
maker=$pid
tool_begins wait cbw
kill -KILL "$maker"
tool_ends 1 'cbw: the backup of cbw was cancelled: nobody tells it what to save'
volume_is_own "$table"
begin_held
kill -KILL "$pid"
tool repair > "$CBW_TMP/repaired"
grep -q "^cbw: nobody tells its job any more what to save; cancelled$" "$CBW_TMP/repaired" || fail "repair said $(< "$CBW_TMP/repaired")"
volume_is_own "$table"
begin_held
kill -KILL "$pid"
tool cancel cbw
volume_is_own "$table"
rm "$CBW_TMP/wait"

number=1
while tool_dies "after:$number" backup cbw "$target" --overwrite --force --sync top --quiet; do
	with_deadline 10 dd if=/dev/urandom of="$live/written" bs=64K count=1 conv=fsync status=none
	said=$(tool repair)
	if [[ $said == *"its job goes on"* ]]; then
		tool wait cbw --quiet
	fi
	no_old_nodes
	volume_is_own "$table"
	number=$((number + 1))
done
# Those of a full one, four for the view, the first message, one for each piece that is free, and the start.
((number - 1 > 11 + 6)) || fail "there are only $number steps"
right_files

# --- an incremental one goes on from it ---

tool attach cbw
top
cp -r /etc/init.d "$live/two"
rm -r "$live/one"
sync -f "$live"
tool backup cbw "$target" --sync incremental --quiet
right_files
wrong_use 1 "$target holds only what the file system used, .*" verify "$target" /dev/mapper/cbw
tool detach cbw
umount "$live"
