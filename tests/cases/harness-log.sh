#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a complaint of the kernel that a test announces does not fail it
# klog-allow: WARNING: announced
. "$CBW_LIB"

echo "WARNING: announced" > /dev/kmsg
klog_expect 'announced$'
if klog_has 'never logged'; then
	fail "klog_has finds what is not there"
fi
