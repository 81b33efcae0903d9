#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a command fails, and the rest is not run
. "$CBW_LIB"

mk_linear leftover "$(mk_null nulla 8)"
false
echo "went on"
