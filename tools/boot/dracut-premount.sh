#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by dracut once the root's device is there; it has gone on from hibernation before that, if it had to. Whatever
# goes wrong, the root is mounted: then its map begins anew.

while read -r line; do
	# shellcheck disable=SC2086 # words are wanted
	/usr/lib/cbw/attach $line < /dev/null || warn "the changes of ${line%% *} are not tracked"
done < /etc/cbw-attach
