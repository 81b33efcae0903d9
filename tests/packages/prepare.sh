#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tests/packages/run begins with: a Debian system comes onto a logical volume; nothing of the packages is there
# timeout: 300
. "$CBW_LIB"
. "${CBW_LIB%/*}/system.sh"

tree=$CBW_TMP/tree
root_onto_volume 1800M "$tree"
install_guest "$tree"
root_is_ready "$tree"
