#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# flushes, zeroes and discards reach both devices of a mirror, whatever the target device can do, and nothing is copied for it
# timeout: 180
# shellcheck disable=SC2034,SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

write_chunk() { # NUMBER [DD-OPTION]...
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64k count=1 seek="$1" oflag=direct status=none "${@:2}"
}

# One write-zeroes: a file on tmpfs takes it as a hole only.
zero() { # OFFSET LENGTH
	say fallocate --punch-hole --offset "$1" --length "$2" /dev/mapper/cbw
}

ends_the_same() { # COPIED: chunks
	assert_status state=ready progress="$1/$1"
	say dmsetup suspend cbw
	assert_mirrored
	say dmsetup resume cbw
}

start() { # 'FEATURES' TARGET
	target=$2
	behind > "$CBW_TMP/behind"
	mirror 128 "$1"
}

length=$((8 << 11))
origin=$(mk_loop origin 8M)
mk_linear cbw "$origin" 0 "$length" > /dev/null
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=8 oflag=direct status=none

# It can neither discard nor write zeroes.
start "" "$(mk_null target 9 cache_size=1)"
before=$(dev_flushes "$target")
write_chunk 1 conv=fsync
assert_eq "$(dev_flushes "$target")" "$before" "flushes of the target device in background mode"
await_status progress=129/129
zero $((128 << 10)) $((3 << 20))
ends_the_same 129
say dmsetup message cbw 0 copy_mode write-blocking
before=$(dev_flushes "$target")
write_chunk 2 conv=fsync
(($(dev_flushes "$target") > before)) || fail "a flush did not reach the target device"
write_chunk 3 oflag=direct,dsync
zero $((100 << 10)) $((200 << 10))
ends_the_same 129
blkdiscard --offset 4M --length 1M /dev/mapper/cbw
assert_status state=ready reason=synced progress=129/129
to_linear

# It can do both, and they take no space there.
start "copy_mode write-blocking" "$(mk_loop target 9M)"
blkdiscard --offset 4M --length 2M /dev/mapper/cbw
zero $((64 << 10)) $((1 << 20))
ends_the_same 128
(($(stat -c %b "$CBW_TMP/target.img") < 12000)) || fail "what was discarded takes space: $(stat "$CBW_TMP/target.img")"
