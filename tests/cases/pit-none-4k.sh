#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# none, chunks of 4 KiB: what is saved, and the origin for the rest, are one instant, at any moment
# tier: core
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

late_devices 32
prove_none 8 "" --max 256K
