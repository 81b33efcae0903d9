#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tests/kill/run ends: files are written and synced while jobs come and go, for as long as the machine lives
# shellcheck disable=SC2034,SC2154 # the names are those of power.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/power.sh"

need_module virtio_blk
origin=/dev/vda target=/dev/vdb
mk_linear cbw "$origin" > /dev/null
mkdir "$live"
say mount /dev/mapper/cbw "$live"
touch "$live/ledger"
start_load
write_reported_files
