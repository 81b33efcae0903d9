# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The steps in the Debian system:  steps.sh STEP [ARGUMENT]...     the first command that fails ends it

set -eu
data=/dev/mapper/vg0-data

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
	local failed
	systemctl is-system-running --wait || true
	failed=$(systemctl list-units --failed --no-legend --plain | awk '$1 != "lvm2-monitor.service"')
	[[ -z $failed ]] || fail "failed: $failed"
	[[ $(findmnt -n -o SOURCE /) == "/dev/mapper/$1" ]] || fail "the root is on $(findmnt -n -o SOURCE /)"
}

dpkg_install() { # VERSION
	say dpkg -i /run/out/dm-cbw-dkms_"$1"-1_all.deb /run/out/cbw_"$1"-1_amd64.deb
	[[ -z $(dpkg --audit) ]] || fail "dpkg is not content: $(dpkg --audit)"
}

# That of the module that is loaded.
loaded() {
	dmsetup targets | sed -nE 's/^cbw +v//p'
}

state() {
	dmsetup status vg0-data | cut -d' ' -f4
}

# Complete, and the same as the volume was.
check_newest() { # BACKUP-COUNT
	local backup
	cbw list vg0/data
	[[ $(cbw list vg0/data | grep -c ' complete ') == "$1" ]] || fail "there are not $1 complete backups"
	backup=$(cbw list vg0/data | awk 'END { print $NF }')
	say cbw verify "$backup"
}

install_packages() { # VERSION
	! command -v cbw || fail "there is a cbw already"
	dpkg_install "$1"
	dkms status
	[[ $(dkms status -m dm-cbw -v "$1" -k "$(uname -r)") == *installed* ]] || fail "DKMS has not installed it"
	[[ $(modinfo -n dm_cbw) == */updates/dkms/dm_cbw.ko ]] || fail "the module is $(modinfo -n dm_cbw)"
	modinfo dm_cbw
	[[ $(cbw --version) == "cbw $1" ]] || fail "the tool is $(cbw --version)"
	[[ -s /usr/share/man/man8/cbw.8.gz && -s /usr/share/man/man5/dm-cbw.5.gz ]] || fail "a man page is missing"
	# Nothing but what the packages ask for is needed.
	bash -c '. /usr/share/bash-completion/completions/cbw && complete -p cbw'
}

use() {
	say lvcreate -q -y -L 96M -n data vg0
	say mkfs.ext4 -q "$data"
	mkdir -p /srv/data
	say mount "$data" /srv/data
	cp -r /usr/lib/python3* /srv/data
	[[ ! -e /sys/module/dm_cbw ]] || fail "the module is loaded before it is needed"
	say cbw backup vg0/data --to vg1 --checksum
	check_newest 1
	# A rule of udev keeps hidden devices out of its sight, and there are no others left.
	[[ $(dmsetup table vg0-data) == *' linear '* ]] || fail "the volume has not got its table back"
	! dmsetup ls | grep -e '-cbw' || fail "a hidden device is left"
	(cd /srv/data && find . -type f -exec sha256sum {} +) | sort > /run/sums
	rm -r /srv/data/python3*
	say umount /srv/data
	say cbw restore "$(cbw list vg0/data | awk 'END { print $NF }')" vg0/data
	say mount "$data" /srv/data
	(cd /srv/data && find . -type f -exec sha256sum {} +) | sort | diff - /run/sums
}

# The job is still running, of the same table, of the same module, and comes to a good end with the new tool.
upgrade() { # FROM TO
	local table
	say cbw backup vg0/data --to vg1 --checksum --speed 16K --no-wait
	table=$(dmsetup table vg0-data)
	dpkg_install "$2"
	[[ $(loaded) == "$1" ]] || fail "the module that is loaded is of $(loaded)"
	[[ $(modinfo -n dm_cbw) == */updates/dkms/dm_cbw.ko ]] || fail "the module is $(modinfo -n dm_cbw)"
	[[ $(dmsetup table vg0-data) == "$table" && $(state) == running ]] || fail "the job is $(dmsetup status vg0-data)"
	[[ $(cbw --version) == "cbw $2" ]] || fail "the tool is $(cbw --version)"
	dd if=/dev/zero of=/srv/data/new bs=64K count=16 oflag=direct
	say cbw speed vg0/data 0
	say cbw wait vg0/data
	check_newest 2
}

# By the script of the package itself, when no job needs the old one.
renew() { # TO
	local old
	old=$(loaded)
	[[ $old != "$1" ]] || fail "it is new already"
	say rmmod dm_cbw
	say cbw backup vg0/data --to vg1 --checksum --keep 2
	[[ $(loaded) == "$1" ]] || fail "the module that is loaded is of $(loaded)"
	check_newest 2
}

remove() {
	say dpkg --purge cbw dm-cbw-dkms
	! command -v cbw || fail "there still is a cbw"
	! find /lib/modules /usr/src /var/lib/dkms /lib/systemd /usr/share/initramfs-tools -name '*cbw*' ! -path '*/tests/*' | grep . ||
		fail "something is left"
	lvs -o lv_full_name,lv_tags
	[[ $(lvs --noheadings -o lv_name -S 'lv_tags=cbw.complete=true' | wc -l) == 2 ]] || fail "the backups are not there any more"
	[[ -n $(ls /var/lib/cbw) ]] || fail "the records are not there any more"
	# What still is in memory is of no use to anybody, and in nobody's way.
	say rmmod dm_cbw
	say umount /srv/data
}

"$@"
