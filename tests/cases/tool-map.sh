#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a volume is drawn as what has become of it: on terminals of any kind, as SVG and as JSON, once or until the job ends
# timeout: 240
# needs: python3 rsvg-convert script
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

make_volume 4
unset COLUMNS NO_COLOR

overwrite() { # CHUNK [COUNT]: of 64 KiB
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K seek="$1" count="${2:-1}" oflag=direct status=none
}

draws() { # LINE...: without a terminal
	diff <(COLUMNS=16 tool map cbw) <(printf '%s\n' "$@") || fail "this is not the picture"
}

drawn_on_terminal() { # [VARIABLE=VALUE]...: prints what is drawn there
	script -qec "stty cols 16 rows 40; env LC_ALL=C TERM=linux $* cbw map cbw" /dev/null < /dev/null | tr -d '\r'
}

ends_quietly() {
	wait "$pid" || fail "the tool ends with $?: $(< "$CBW_TMP/said")"
	[[ ! -s $CBW_TMP/said ]] || fail "it said: $(< "$CBW_TMP/said")"
}

wrong_use 1 'cbw has no job' map cbw
tool attach cbw
overwrite 62
LC_ALL=C draws 'cbw: changes are tracked; each 64.0 KiB' 'changed: 64.0 KiB' \
	"$(printf '.%.0s' {1..16})" "$(printf '.%.0s' {1..16})" "$(printf '.%.0s' {1..16})" '..............#.' '# changed  . not changed'

# Some of each kind. While somebody else is at work on it, as with a job that is watched.
tool_begins backup cbw "$target" --overwrite --paused --quiet
retry 30 eval '[[ $(dmsetup status cbw) == *" paused backup "* ]]' || fail "it does not begin"
overwrite 5
overwrite 16 16
dd if=/dev/urandom of=/dev/mapper/cbw bs=4K seek=$((40 * 16)) count=1 oflag=direct status=none
picture=('cbw: backup paused, 28.1 %; each 64.0 KiB' '.....#..........' '################' '........#.......' '................'
	'# saved  . pending' 'changed: 1.1 MiB' '.....#..........' '################' '........#.......' '................' '# changed  . not changed')
LC_ALL=C draws "${picture[@]}"
LC_ALL=C.UTF-8 draws "$(for line in "${picture[@]}"; do
	[[ $line == *[0-9]* ]] || line=${line//./░}
	echo "${line//\#/█}"
done)"
assert_eq "$(COLUMNS=16 LC_ALL=C cbw map cbw --cells 4 | sed -n 2p)" "+#+." "the picture of four cells"

# Colours where they can be seen, and are not unwanted.
drawn_on_terminal > "$CBW_TMP/drawn"
grep -q $'^\033\\[37m.....\033\\[32m#\033\\[37m..........\033\\[0m$' "$CBW_TMP/drawn" || fail "no colours: $(cat -v "$CBW_TMP/drawn")"
for plain in NO_COLOR=1 TERM=dumb; do
	drawn_on_terminal "$plain" > "$CBW_TMP/drawn"
	diff "$CBW_TMP/drawn" <(printf '%s\n' "${picture[@]}") || fail "with $plain it is not plain"
done

# The same as figures.
tool map cbw --json > "$CBW_TMP/document"
assert_eq "$(json 'j["volume"], j["bytes"], j["job"], j["state"], j["tracked"], j["cell_bytes"], len(j["cells"])' < "$CBW_TMP/document")" \
	"('cbw', 4194304, 'backup', 'paused', True, 65536, 64)" "the document"
assert_eq "$(json '[i for i, c in enumerate(j["cells"]) if c["saved"] == c["length"] == c["changed"] or c["pending"] != c["length"]]' < "$CBW_TMP/document")" \
	"$(python3 -c 'print([5] + list(range(16, 32)) + [40])')" "what is saved"
assert_eq "$(tool map cbw --json --cells 5 | json '[(c["offset"], c["length"], c["saved"], c["pending"], c["changed"]) for c in j["cells"]][:2]')" \
	"[(0, 851968, 65536, 786432, 65536), (851968, 851968, 655360, 196608, 655360)]" "the cells"

# The same as SVG: a square for each cell, of which as much has a colour as there is of that.
svg() { # EXPRESSION: of g, which has the width, height and colour of each rectangle of each square
	python3 - "$CBW_TMP/map.svg" "$1" <<-'END'
		import sys
		import xml.etree.ElementTree as tree
		s = '{http://www.w3.org/2000/svg}'
		g = [[(float(r.get('width')), float(r.get('height')), r.get('fill')) for r in square.findall(s + 'rect')]
		     for square in tree.parse(sys.argv[1]).getroot().findall(s + 'g')]
		print(eval(sys.argv[2]))
	END
}
tool map cbw --svg "$CBW_TMP/map.svg"
assert_eq "$(svg 'len(g), g[0], g[5]')" \
	"(64, [(11.0, 8.0, '#b0bec5')], [(11.0, 8.0, '#2e7d32'), (11.0, 3.0, '#d32f2f')])" "the squares"
tool map cbw --svg "$CBW_TMP/map.svg" --cells 8
assert_eq "$(svg 'g[0]')" "[(11.0, 1.0, '#2e7d32'), (11.0, 7.0, '#b0bec5'), (1.38, 3.0, '#d32f2f')]" "a square of several colours"
rsvg-convert "$CBW_TMP/map.svg" > "$CBW_TMP/map.png"
[[ $(file -b "$CBW_TMP/map.png" 2> /dev/null || head -c 4 "$CBW_TMP/map.png") == *PNG* ]] || fail "this is no PNG"
expect_fail 'cannot write' cbw map cbw --svg "$CBW_TMP/none/map.svg"

# Live, until the job has ended.
script -qec "stty cols 16 rows 40; env LC_ALL=C NO_COLOR=1 cbw map cbw --watch" /dev/null < /dev/null > "$CBW_TMP/drawn" &
watcher=$!
retry 30 grep -q 'backup paused' "$CBW_TMP/drawn" || fail "nothing is drawn"
tool speed cbw 512K
tool resume cbw
retry 30 grep -q 'backup running' "$CBW_TMP/drawn" || fail "it is not drawn again"
tool speed cbw 0
retry 30 gone "$watcher" || fail "it goes on for ever"
wait "$watcher" || fail "it ends with $?"
ends_quietly
LC_ALL=C draws 'cbw: changes are tracked; each 64.0 KiB' 'changed: 1.1 MiB' '.....#..........' '################' '........#.......' '................' '# changed  . not changed'

# A signal ends it, and that is no failure.
tool_begins map cbw --watch > "$CBW_TMP/drawn"
retry 30 eval '(($(grep -c changed: "$CBW_TMP/drawn") > 1))' || fail "it is drawn once only"
kill -INT "$pid"
ends_quietly

wrong_use 2 'map takes a volume' map
wrong_use 2 '--json and --watch exclude each other' map cbw --json --watch
wrong_use 2 "--cells is a number, 1 to 65536, not '0'" map cbw --cells 0
tool detach cbw
