# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that look at a mounted file system under load through a view.
# After guest.sh and pit-fs.sh, whose names it uses:  . "${CBW_LIB%/*}/view-fs.sh"
# shellcheck disable=SC2154 # those names

begin_view() { # CHUNK: a job under the load that does not end, and its view
	start_load
	say dmsetup load cbw --table "$(cbw_table "$origin" "$target" "$1" "speed 1")"
	say dmsetup resume cbw
	retry 60 met_by_writes || fail "no write met a pending chunk: $(dmsetup status cbw)"
	say dmsetup create view --readonly --table "0 $(dev_sectors "$origin") cbw-snapshot $origin"
}

# All of it, for the others to be compared with.
take_view() { # sets $image
	image=$CBW_TMP/image
	dd if=/dev/mapper/view of="$image" bs=1M iflag=direct status=none
}

same_as_view() { # FILE
	cmp "$1" "$image" || fail "$1 is not what dd has read"
	rm -f "$1"
}

right_tree() { # DIRECTORY
	(cd "$1/frozen" && sha256sum --quiet -c "$CBW_TMP/sums") || fail "the files of $1 are wrong"
	diff -r "$1" "$backup" || fail "$1 is not what is mounted"
	rm -rf "$1"
}

end_view() {
	dmsetup remove view
	stop_load
}
