#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# beneath writers the volume goes over to the target device, on which nothing is missing; in either copy mode
# timeout: 300
# tier: core
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/mirror.sh"

volume_devices 64
prove_pivot 128 "copy_mode write-blocking"

# And back again, the other way round.
dmsetup remove cbw
swap=$origin origin=$target target=$swap
length=$(($(dev_sectors "$target") - 1 - 2 * (RANDOM % 31)))
rm "$log"
mk_linear cbw "$origin" 0 "$length" > /dev/null
cbw-stamp fill /dev/mapper/cbw --seed "$CBW_SEED" --block 512
fill_target
prove_pivot 128
