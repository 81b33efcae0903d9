# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests that move mounted logical volumes with the tool. After guest.sh:  . "${CBW_LIB%/*}/move.sh"
#
# The file system is mounted on $CBW_TMP/data.

. "${CBW_LIB%/*}/volumes.sh"

extents() { # VG/LV
	lvs --noheadings -o seg_pe_ranges "$1" | xargs
}

# The table is that which LVM would load.
agrees() { # VG/LV
	local name before
	name=$(lvs --noheadings -o lv_dm_path "$1" | xargs)
	before=$(dmsetup table "$name")
	say lvchange --refresh "$1"
	assert_eq "$(dmsetup table "$name")" "$before" "the table of $1"
}

files() {
	(cd "$CBW_TMP/data" && find . -type f -exec sha256sum {} + | sort -k2)
}

# As a boot does it: what is active stands in LVM's metadata alone.
activate_anew() { # PATH-TO-MOUNT VG...
	say umount "$CBW_TMP/data"
	remove_dm
	say vgchange -q -ay "${@:2}"
	say mount "$1" "$CBW_TMP/data"
}

# In front of the programs of LVM that the tool runs.
mkdir "$CBW_TMP/programs"
export KILL_AT=''
cat > "$CBW_TMP/wrapper" <<'END'
#!/bin/bash
# KILL_AT=PROGRAM:before|during|after: the tool that has called that program is killed
program=${0##*/} real=/sbin/${0##*/} tool=$PPID
[[ $KILL_AT == "$program:"* ]] || exec "$real" "$@"
# One that attends to the program may be between.
above=$(cut -d' ' -f4 "/proc/$tool/stat")
[[ $(< "/proc/$above/comm") != cbw ]] || tool=$above
case $KILL_AT in
*:before) kill -KILL "$tool"; sleep 0.2; exec "$real" "$@" ;;
*:during) (sleep "0.$((RANDOM % 3))$((RANDOM % 10))"; kill -KILL "$tool") & exec "$real" "$@" ;;
*:after) "$real" "$@"; kill -KILL "$tool" ;;
*:fails) echo "it fails" >&2; exit 5 ;;
esac
END
chmod +x "$CBW_TMP/wrapper"
for program in vgcfgbackup vgcfgrestore lvchange lvrename; do
	ln -s "$CBW_TMP/wrapper" "$CBW_TMP/programs/$program"
done

dies_within() { # PROGRAM:WHEN ARGUMENT...: true if the tool is killed, false if it comes to its end well
	local status=0
	printf '+ KILL_AT=%s cbw %s\n' "$1" "${*:2}" >&2
	KILL_AT=$1 PATH=$CBW_TMP/programs:$PATH cbw "${@:2}" 2> "$CBW_TMP/said" || status=$?
	((status == 0 || status == 137)) || fail "exit status $status: $(< "$CBW_TMP/said")"
	((status == 137))
}

# The volume works, repair puts all right once LVM has come to its end, and finds nothing more then.
is_put_right() { # DM-NAME
	retry 60 eval '! pgrep -x cbw > /dev/null' || fail "what the tool has run does not end"
	retry 15 eval "! is_suspended $1" || fail "the volume stays suspended"
	cbw repair | tee "$CBW_TMP/said"
	! grep "its mirror goes on" "$CBW_TMP/said" || say cbw cancel "$1"
	says_nothing cbw repair
	! grep -q . <(find /run/cbw -name '*.exchange*') || fail "a note is left"
}
