#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# none, chunks of 1 MiB: what is saved, and the origin for the rest, are one instant, at any moment
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

null_devices 96
prove_none 2048 "" --max 64K --threads 2
