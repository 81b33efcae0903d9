#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# finds that it cannot run
. "$CBW_LIB"

skip "because it wants to"
