#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# LUKS2: with its key in the kernel's keyring a volume is refused, and what it stands on is backed up; without, itself is
# tier: long
# timeout: 300
# needs: cryptsetup
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

size=8388608
secret=$CBW_TMP/secret

open() { # DEVICE NAME [OPTION]...
	say cryptsetup open --key-file "$secret" "$@"
}

# Where the cache has nothing of it.
sum() { # DEVICE
	blockdev --flushbufs "$1"
	head -c "$size" "$1" | sha256sum
}

need_module dm_crypt
head -c 32 /dev/urandom > "$secret"
mk_linear lower "$(mk_null origin 32)" > /dev/null
target=$(mk_null target 32)
say cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/mapper/lower "$secret"

open /dev/mapper/lower cbw
table=$(dmsetup table --showkeys cbw)
[[ $table =~ \ crypt\ [^\ ]+\ :[0-9]+:logon: ]] || skip "cryptsetup does not put the key into the keyring: ${table%%:*}"
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=8 oflag=direct status=none
was=$(sum /dev/mapper/cbw)
in_keyring="cbw has its key in the kernel's keyring, from where no second table gets it: open it with --disable-keyring, or back up what it stands on"
wrong_use 1 "$in_keyring" backup cbw "$target"
wrong_use 1 "$in_keyring" attach cbw
volume_is_own "$table"
assert_eq "$(sum /dev/mapper/cbw)" "$was" "what the volume holds"

# What it stands on, while it is open, and what that backup holds.
tool backup lower "$target" --quiet
volume_is_own "$table"
dd if=/dev/zero of=/dev/mapper/cbw bs=1M count=1 oflag=direct status=none
open "$target" copy
assert_eq "$(sum /dev/mapper/copy)" "$was" "what the backup holds"
say cryptsetup close copy
say cryptsetup close cbw

open /dev/mapper/lower cbw --disable-keyring
table=$(dmsetup table --showkeys cbw)
tool attach cbw
tool backup cbw "$target" --force --overwrite --quiet
tool detach cbw
volume_is_own "$table"
assert_same /dev/mapper/cbw "$target" "$(blockdev --getsize64 /dev/mapper/cbw)"
say cryptsetup close cbw
