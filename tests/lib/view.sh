# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests of the snapshot view. After guest.sh and pit.sh, whose names it uses:  . "${CBW_LIB%/*}/view.sh"

# shellcheck disable=SC2154 # those names
mk_view() { # [NAME]
	say dmsetup create "${1:-view}" --readonly --table "0 $length cbw-snapshot $origin"
}

# The oracle says whether one look at all of it is an instant; whatever is read later must be the same.
take_image() { # [OPTION OF cbw-stamp check]...: sets $image
	image=$CBW_TMP/image
	dd if=/dev/mapper/view of="$image" bs=512K iflag=direct status=none
	check_stamps "$image" --after "$after" --before "$before" "$@"
}

start_readers() { # [DEVICE [OPTION]...]
	cbw-stamp compare "${1:-/dev/mapper/view}" --with "$image" --seed "$CBW_SEED" --max 2M "${@:2}" > "$CBW_TMP/readers" &
	readers=$!
}

stop_readers() {
	# What is wrong ends them early.
	kill -TERM "$readers" 2> /dev/null || true
	wait "$readers" || fail "the view is not what it was: $(cat "$CBW_TMP/readers")"
	cat "$CBW_TMP/readers"
	[[ $(< "$CBW_TMP/readers") =~ reads=([0-9]+)\ errors=([0-9]+) ]] || fail "the readers say nothing"
	((BASH_REMATCH[1] > BASH_REMATCH[2])) || fail "nothing was read"
}

view_is() { # valid|invalid
	[[ $(dmsetup status view) == "0 $length cbw-snapshot $1 "* ]] || fail "the view is not $1: $(dmsetup status view)"
}

no_read() { # it fails, each time
	expect_fail 'Input/output error' dd if=/dev/mapper/view of=/dev/null bs=64K iflag=direct "$@"
}
