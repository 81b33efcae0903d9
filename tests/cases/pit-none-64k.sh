#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# none, chunks of 64 KiB: what is saved, and the origin for the rest, are one instant, at any moment
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 64
prove_none 128 "discard copy" --max 512K
