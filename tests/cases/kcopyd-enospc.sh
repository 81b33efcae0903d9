#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with dm-kcopyd, a thin target device that is full stops the job, and not for another error
# timeout: 240
# shellcheck disable=SC2034 # read by guest.sh
CBW_FEATURES=engine,kcopyd
. "${BASH_SOURCE[0]%/*}/enospc-thin.sh"
