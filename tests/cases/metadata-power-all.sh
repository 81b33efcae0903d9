#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# timeout: 3600
# needs: fio cbw-replay python3
# as metadata-power, with the power failing at each flush that there was, not at some of them

# shellcheck disable=SC2034 # it is how many at most
points=1000000
# shellcheck source=tests/cases/metadata-power.sh
. "${BASH_SOURCE[0]%/*}/metadata-power.sh"
