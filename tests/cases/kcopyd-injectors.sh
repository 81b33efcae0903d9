#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with dm-kcopyd, a bad sector of either device: no write passes it, nothing counts it as saved
# timeout: 400
# shellcheck disable=SC2034 # read by guest.sh
CBW_FEATURES=engine,kcopyd
. "${BASH_SOURCE[0]%/*}/rule05-injectors.sh"
