# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of the documentation, run as shown. After guest.sh:  . "${CBW_LIB%/*}/examples.sh"

# The lines that begin with "# " after indentation, as a user would type them.
examples() { # FILE
	sed -nE 's/^ *# ([a-zA-Z][a-zA-Z0-9._-]*[ =].*)/\1/p' "$1" | grep -vE '^[A-Z][a-z]'
}

run_examples() { # FILE COUNT
	local line count=0
	while read -r line; do
		say eval "$line"
		count=$((count + 1))
	done < <(examples "$1")
	((count >= $2)) || fail "found only $count examples in $1"
}
