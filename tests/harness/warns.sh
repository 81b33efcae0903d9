#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# does everything right, but the kernel complains, and not only as announced
# klog-allow: WARNING: announced
. "$CBW_LIB"

echo "WARNING: announced" > /dev/kmsg
echo "WARNING: not announced" > /dev/kmsg
