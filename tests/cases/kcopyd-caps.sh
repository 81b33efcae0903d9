#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with dm-kcopyd, 10,000 held writes wait their turn for a few copies, and all complete
# timeout: 400
# shellcheck disable=SC2034 # read by guest.sh
CBW_FEATURES=engine,kcopyd
. "${BASH_SOURCE[0]%/*}/rule12-caps.sh"
