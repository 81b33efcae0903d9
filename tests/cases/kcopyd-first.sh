#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with dm-kcopyd, a write does not wait for the 64 copies that the sweep has queued
# clock: simulated
# timeout: 300
# shellcheck disable=SC2034 # read by guest.sh
CBW_FEATURES=engine,kcopyd
. "${BASH_SOURCE[0]%/*}/rule13-first.sh"
