#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tests/system/run begins with: a Debian system comes onto a logical volume, with the module, the tool and the test
# timeout: 300
. "$CBW_LIB"
. "${CBW_LIB%/*}/system.sh"

tree=$CBW_TMP/tree version=$(modinfo -F vermagic "$CBW_KO" | cut -d' ' -f1)
root_onto_volume 640M "$tree"
install_guest "$tree"
install -D -t "$tree/usr/local/sbin" "$CBW_ROOT"/tools/cbw
install -D -m 644 -t "$tree/lib/modules/$version/updates" "$CBW_KO"
depmod -b "$tree" "$version"
root_is_ready "$tree"
