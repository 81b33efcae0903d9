#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with dm-kcopyd, what the sweep does about an error, by policy and side
# timeout: 400
# shellcheck disable=SC2034 # read by guest.sh
CBW_FEATURES=engine,kcopyd
. "${BASH_SOURCE[0]%/*}/rule05-policies.sh"
