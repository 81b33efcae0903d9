#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# calls a test in another machine, and waits for the answer
. "$CBW_LIB"

touch /run/out/call
retry 60 test -e /run/out/answer || fail "nobody answers"
