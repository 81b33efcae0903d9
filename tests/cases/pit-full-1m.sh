#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# full, chunks of 1 MiB: the backup is the origin at one instant
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 64
prove_full 2048 "speed 16384 discard copy"
