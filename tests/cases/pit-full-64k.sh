#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# full, chunks of 64 KiB: the backup is the origin at one instant
# tier: core
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 64
prove_full 128 "speed 16384"
