#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tier: long
# timeout: 1800
# many rounds of everything at random: chunk, features, devices, writers
# shellcheck disable=SC2154 # picked is guest.sh's
. "$CBW_LIB"
. "${CBW_LIB%/*}/pit.sh"

if ((RANDOM % 2)); then late_devices 96; else null_devices 128; fi
for ((round = 1; round <= 24; round++)); do
	echo "--- round $round"
	pick "discard skip" "discard copy" "workers 1" "max_copy 2048 workers 64" ""
	features=$picked
	pick "--max 4K" "--max 64K --hot" "--max 2M" "--min 64K --max 4M" "--mode sequential --max 1M" \
		"--mode boundary --chunk 64K --threads 12 --max 256K"
	read -ra writing <<< "$picked"
	pick 8 16 128 512 2048
	if ((RANDOM % 3)); then
		prove_full "$picked" "$features speed $((16384 + RANDOM))" "${writing[@]}"
	else
		fill_target
		prove_none "$picked" "$features" "${writing[@]}"
	fi
	to_linear
done
