#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# what an incremental backup has saved makes, as a stream, of a copy of the one before it a copy of this one, or is refused
# timeout: 600
# shellcheck disable=SC2034 # the name is that of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

RANDOM=$CBW_SEED
mib=8
origin=$(mk_null origin $mib)
target=$(mk_null target $mib)
copy=$(mk_null copy $((mib + 1)))
mk_linear cbw "$origin" > /dev/null
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=5 oflag=direct status=none
stream=$CBW_TMP/stream

write() { # CHUNK...
	local chunk
	for chunk; do
		dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek="$chunk" oflag=direct status=none
	done
}

increment() {
	tool backup cbw "$target" --sync incremental --quiet
}

field() { # FIELD DEVICE: of its record
	cbw list --json | json "[r[\"$1\"] for r in j if r[\"target\"] == \"$2\"][0]"
}

# The other machine has records of its own.
far() { # ARGUMENT...
	CBW_STATE=$CBW_TMP/far tool "$@"
}

far_field() { # FIELD
	CBW_STATE=$CBW_TMP/far field "$1" "$copy"
}

far_refuses() { # REGEX ARGUMENT...: one sentence, and the device stays as it is
	local before
	before=$(sha256sum "$copy" "$CBW_TMP"/far/* 2> /dev/null || true)
	CBW_STATE=$CBW_TMP/far wrong_use 1 "$@"
	[[ $(sha256sum "$copy" "$CBW_TMP"/far/* 2> /dev/null || true) == "$before" ]] || fail "something was written"
}

# One that has begun to write tells so, and the same stream makes it good.
breaks() { # REGEX: from standard input
	! CBW_STATE=$CBW_TMP/far cbw apply - "$copy" 2> "$CBW_TMP/said" || fail "succeeded, although it must not"
	grep -qx "cbw: $1" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
	assert_eq "$(far_field complete)" False "the record of the copy"
	CBW_STATE=$CBW_TMP/far wrong_use 1 "the backup $copy is not complete.*" restore "$copy" "$origin"
}

tool backup cbw "$target" --quiet
tool attach cbw
tool backup cbw "$target" --overwrite --quiet
tool export "$target" > "$stream" 2> /dev/null
(($(stat -c %s "$stream") < 6 << 20)) || fail "what is zero is not short: $(stat -c %s "$stream")"
mkfs.ext4 -q "$copy"
far_refuses "$copy carries ext4 .*; --force overwrites it" apply "$stream" "$copy"
far apply "$stream" "$copy" --force
assert_same "$target" "$copy" $((mib << 20))
assert_eq "$(far_field complete) $(far_field map) $(far_field origin)" "True $(field map "$target") cbw" "the record of the copy"

# A chain, of which each stream has what has changed, in a pipe.
for _ in 1 2 3; do
	write $((RANDOM % 128)) $((RANDOM % 128))
	increment
	tool export "$target" 2> /dev/null | tee "$stream" | far apply - "$copy"
	assert_same "$target" "$copy" $((mib << 20))
	(($(stat -c %s "$stream") < 2 * 65536 + 4096)) || fail "more than that is in the stream: $(stat -c %s "$stream")"
done
far verify "$copy" /dev/mapper/cbw
dd if="$copy" of="$CBW_TMP/sector" bs=512 count=1 status=none
dd if=/dev/zero of="$copy" bs=512 count=1 conv=fsync status=none
far_refuses "$copy does not hold the backup that the stream goes on from: .*" apply "$stream" "$copy"
dd if="$CBW_TMP/sector" of="$copy" bs=512 count=1 conv=fsync status=none

# One that is missing.
write 3
increment
tool export "$target" > "$CBW_TMP/missing" 2> /dev/null
write 4
increment
tool export "$target" > "$stream" 2> /dev/null
far_refuses "$copy does not hold the backup that the stream goes on from: .*" apply "$stream" "$copy"
far_refuses '/dev/spare holds no backup that is known: .*' apply "$stream" "$(mk_null spare 16)"
far_refuses "/dev/small holds no backup that is known: 'cbw export --full' makes a stream of all" apply "$stream" "$(mk_null small 4)" --force
far_refuses '/dev/small is too small: .*' apply <(cbw export "$target" --full 2> /dev/null) /dev/small --force

# Without its end, with another byte, without a piece; and the same once more.
end=$(stat -c %s "$CBW_TMP/missing")
head -c $((end - 56)) "$CBW_TMP/missing" | breaks 'the stream has no end: a part of it is missing'
head -c $((RANDOM % 65536 + end - 65536 - 56)) "$CBW_TMP/missing" | breaks 'the stream has no end: a part of it is missing'
cp "$CBW_TMP/missing" "$CBW_TMP/changed"
printf '\xff' | dd of="$CBW_TMP/changed" bs=1 seek=$((end - 56 - RANDOM % 65536 - 1)) conv=notrunc status=none
if ! cmp -s "$CBW_TMP/missing" "$CBW_TMP/changed"; then
	breaks 'the stream is damaged' < "$CBW_TMP/changed"
fi
{ head -c $((end - 56 - 65536 - 56)) "$CBW_TMP/missing" && tail -c 56 "$CBW_TMP/missing"; } | breaks 'the stream is damaged'
far apply "$CBW_TMP/missing" "$copy"
far apply "$stream" "$copy"
assert_same "$target" "$copy" $((mib << 20))
far_refuses 'that is no stream of .cbw export. that is known here' apply /dev/zero "$copy"
far_refuses "$copy holds the only complete backup of cbw; --overwrite overwrites it" apply <(cbw export "$target" --full 2> /dev/null) "$copy"
far apply <(cbw export "$target" --full 2> /dev/null) "$copy" --overwrite
assert_same "$target" "$copy" $((mib << 20))

# While it is read, the next incremental backup is written over it.
write {10..40}
increment
mkfifo "$CBW_TMP/pipe"
cbw export "$target" > "$CBW_TMP/pipe" 2> "$CBW_TMP/said" &
pid=$!
exec 3< "$CBW_TMP/pipe"
# Once it has printed something, it knows what is to come.
head -c 1 <&3 > /dev/null
write 12
increment
cat <&3 > /dev/null
tool_ends 1 "cbw: the backup $target was overwritten meanwhile"

# Completed by whoever came later, it is known all the same what it has saved.
write 5
tool_dies after:4 backup cbw "$target" --sync incremental
cbw_wait cbw completed
tool cancel cbw
tool export "$target" > "$stream" 2> /dev/null
(($(stat -c %s "$stream") < 2 * 65536)) || fail "more than that is in the stream: $(stat -c %s "$stream")"
rm "$CBW_STATE"/*.ranges
wrong_use 1 "it is not known what $target has that the backup before it had not: --full exports all of it" export "$target"
wrong_use 2 'export takes a backup' export
wrong_use 2 'apply takes a stream, or - for standard input, and a device' apply "$stream"

# An image of which the file beside it alone tells.
tool backup cbw --to "$CBW_TMP/image" --quiet
CBW_STATE=$CBW_TMP/none tool export "$CBW_TMP/image" --full 2> /dev/null | CBW_STATE=$CBW_TMP/new tool apply - "$(mk_null new $mib)"
assert_same "$CBW_TMP/image" /dev/new
