#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a full backup and twenty incremental ones, one over the other beneath writers, each right for its own point in time
# tier: long
# timeout: 1200
# shellcheck disable=SC2154 # the names are those of pit.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"
. "${CBW_LIB%/*}/tool.sh"

null_devices 8
tool attach cbw
prove_chain 20
tool backup cbw "$target" --sync incremental --quiet
tool verify "$target" /dev/mapper/cbw
