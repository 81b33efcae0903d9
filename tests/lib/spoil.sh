# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bad sectors that come and go on both devices. After guest.sh and pit.sh:  . "${CBW_LIB%/*}/spoil.sh"
# shellcheck disable=SC2034,SC2154 # for pit.sh, and of guest.sh

spoiled_devices() { # MIB
	mk_null origin0 "$1" discard=1 > /dev/null
	mk_null target0 $(($1 + 1)) > /dev/null
	origin=$(mk_linear origin /dev/origin0)
	target=$(mk_linear target /dev/target0)
}

# Both devices go on as tables of errors at times, and have bad sectors at others.
spoil() { # ROUND
	local name=origin0 sector=$((RANDOM * 2))
	((RANDOM % 2)) || name=target0
	echo "+$sector-$((sector + RANDOM % 200))" > "$nulls/$name/badblocks"
	if (($1 % 4 == 3)); then
		# It is open: a table of errors is what becomes of it.
		dmsetup remove --force "${name%0}" 2> /dev/null || true
	fi
	sleep 0.2
}

mend_both() {
	local name
	for name in origin target; do
		echo "-0-$(dev_sectors "/dev/${name}0")" > "$nulls/${name}0/badblocks"
		dmsetup load $name --table "0 $(dev_sectors "/dev/${name}0") linear /dev/${name}0 0"
		dmsetup resume $name
	done
}
