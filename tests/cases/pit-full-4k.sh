#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# full, chunks of 4 KiB, each copied by itself: the backup is the origin at one instant
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 32
prove_full 8 "max_copy 8 speed 8192" --max 128K
