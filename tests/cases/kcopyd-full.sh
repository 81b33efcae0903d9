#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the backup is the origin at one instant, with dm-kcopyd as the engine
# tier: core
# shellcheck disable=SC2034 # read by guest.sh
CBW_FEATURES=engine,kcopyd
. "${BASH_SOURCE[0]%/*}/pit-full-64k.sh"
