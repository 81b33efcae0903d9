# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One step in the Debian system:  step.sh STEP [ARGUMENT]...     a function of the steps.sh beside it, or of this file; the
# first command that fails ends it

set -eu

say() { # COMMAND...
	printf '+ %s\n' "$*" >&2
	"$@"
}

fail() { # MESSAGE...
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# All has been started that was to be, and nothing has failed. LVM gives up dmeventd on a machine that is very slow.
booted() { # DM-NAME: that the root is on
	local state failed
	state=$(systemctl is-system-running --wait) || true
	failed=$(systemctl list-units --failed --no-legend --plain | awk '$1 != "lvm2-monitor.service"')
	echo "the system is $state"
	[[ $state =~ ^(running|degraded)$ && -z $failed ]] || fail "failed: $failed"
	[[ $(findmnt -n -o SOURCE /) == "/dev/mapper/$1" ]] || fail "the root is on $(findmnt -n -o SOURCE /)"
	[[ $(findmnt -n -o OPTIONS /) == rw,* ]] || fail "the root is read-only"
	lsblk -o NAME,MAJ:MIN,SIZE,TYPE,UUID,MOUNTPOINT
}

# shellcheck source=/dev/null
. "${0%/*}/steps.sh"
"$@"
