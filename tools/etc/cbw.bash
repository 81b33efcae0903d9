# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Completion for bash. What there is to choose from is what the tool's own --help says.

# Mapped devices that can be volumes or targets, and volumes as LVM names them; the tool's hidden devices are neither.
_cbw_volumes() {
	local device name
	for device in /sys/block/dm-*/dm; do
		[[ -r $device/name && $(< "$device/uuid") != CBW* ]] || continue
		name=$(< "$device/name")
		printf '%s\n' "$name" "/dev/mapper/$name"
	done
	compgen -G '/dev/*/*' | while read -r name; do
		[[ $name != /dev/mapper/* && -L $name && $(readlink -f "$name") == /dev/dm-* ]] && echo "${name#/dev/}"
	done
}

# The words of the help that begin with --, one a line.
_cbw_options() { # VERB
	cbw "$1" --help 2> /dev/null | sed -nE 's/^ +(--[a-z-]+).*/\1/p'
}

# What the help gives the option to choose from, if it does.
_cbw_choices() { # VERB OPTION
	cbw "$1" --help 2> /dev/null | sed -nE "s/^ +$2 ([a-z-]+(\|[a-z-]+)+).*/\1/p" | tr '|' '\n'
}

_cbw() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} words
	if ((COMP_CWORD == 1)); then
		words=$(cbw --help 2> /dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')
		words+=$'\n--help\n--version'
	elif [[ $verb == backup && $before == --sync ]]; then
		words=$'full\ntop\nincremental\nnone'
	elif [[ $before == --* ]] && words=$(_cbw_choices "$verb" "$before") && [[ -n $words ]]; then
		:
	elif [[ $word == -* ]]; then
		words=$(_cbw_options "$verb")
	elif [[ $verb == snapshot && $COMP_CWORD == 2 ]]; then
		words=$'create\nremove'
	else
		words=$(_cbw_volumes)
		compopt -o default 2> /dev/null
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _cbw cbw
