# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The steps in the Debian system, for step.sh.

data=/dev/mapper/vg0-data

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

# --- schedules --------------------------------------------------------------------------------------------------

unit=cbw-backup@vg0-data
conf=/etc/cbw/vg0-data.conf

# All that a night finds on the volume, and what it must find again in the backup.
tree_sums() { # FOLDER
	(cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

# configure NAME=VALUE...: instead of the lines of these names
configure() {
	local setting
	for setting; do
		sed -i "/^#*${setting%%=*}=/d" "$conf"
		echo "$setting" >> "$conf"
	done
}

ended() { # BOOT-TIME: has a run of the unit ended since?
	[[ $(systemctl show -p ActiveState --value "$unit.service") != activating ]] &&
		(($(systemctl show -p InactiveEnterTimestampMonotonic --value "$unit.service") > $1))
}

uptime_us() {
	awk '{ printf "%.0f", $1 * 1000000 }' /proc/uptime
}

await() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	until "${@:2}"; do
		((SECONDS < end)) || fail "in vain: ${*:2}"
		sleep 0.5
	done
}

succeeded() {
	[[ $(systemctl show -p Result --value "$unit.service") == success ]]
}

# The clock comes to the end of the day, which it does not leave out, and the timer does the rest.
night() { # NUMBER
	local before
	dd if=/dev/urandom of="/srv/data/night-$1" bs=64K count=8 status=none
	rm -f "/srv/data/night-$(($1 - 3))"
	sync
	tree_sums /srv/data > "/run/sums-$1"
	before=$(uptime_us)
	say date -s 23:59:58
	await 240 ended "$before"
	journalctl -u "$unit" -o cat -n 20 --no-pager
	succeeded || fail "night $1: $(systemctl show -p Result --value "$unit.service")"
}

# holds BACKUP NIGHT: are its files those of that night, and its checksums right?
holds() {
	say cbw verify "$1"
	say lvcreate -q -y -s -L 32M -n look -kn "$1"
	lvchange -q -y -ay -K "${1%/*}/look"
	mkdir -p /srv/look
	mount -o ro "/dev/${1%/*}/look" /srv/look
	tree_sums /srv/look | diff - "/run/sums-$2" || fail "$1 does not hold what there was in night $2"
	umount /srv/look
	lvremove -q -y "${1%/*}/look"
	lvchange -an "$1"
}

# Eight nights: full, three incremental, full, incremental; then the map is lost, so full, and incremental.
week() {
	local night backups kinds
	mkdir -p /etc/systemd/system/"$unit.timer.d"
	printf '[Timer]\nRandomizedDelaySec=0\n' > /etc/systemd/system/"$unit.timer.d"/now.conf
	cp /usr/share/doc/cbw/examples/volume.conf "$conf"
	configure TO=vg1 KEEP=2 INCREMENTAL=3 OPTIONS=--checksum
	say cbw attach vg0/data --metadata-vg vg1
	systemctl daemon-reload
	say systemctl start "$unit.timer"
	for night in {1..8}; do
		if ((night == 7)); then
			say cbw detach vg0/data
			say cbw attach vg0/data
		fi
		night "$night"
		kinds+=" $(< /var/lib/cbw/scheduled/vg0-data)"
	done
	say systemctl stop "$unit.timer"
	[[ $kinds == " 0 1 2 3 0 1 0 1" ]] || fail "full and incremental ones were$kinds"
	cbw list vg0/data
	mapfile -t backups < <(cbw list vg0/data | awk '/ complete / { print $NF }')
	((${#backups[@]} == 2)) || fail "there are ${#backups[@]} backups"
	[[ $(lvs --noheadings -o lv_name -S 'lv_tags=cbw.origin=vg0/data' | wc -l) == 2 ]] || fail "there are volumes of other backups"
	holds "${backups[0]}" 6
	holds "${backups[1]}" 8
}

running() {
	[[ $(dmsetup table vg0-data) == *' backup '* && $(state) == running ]]
}

# The job is the service's: who watches it can go, and who stops the service ends it.
service_owns() {
	local watcher before
	say cbw detach vg0/data
	configure "OPTIONS=--checksum --speed 256K"
	before=$(uptime_us)
	say systemctl start --no-block "$unit.service"
	await 60 running
	cbw wait vg0/data > /run/watched 2>&1 &
	watcher=$!
	sleep 3
	kill -KILL "$watcher"
	running || fail "the job is $(dmsetup status vg0-data)"
	[[ $(systemctl show -p ActiveState --value "$unit.service") == activating ]] || fail "the service does not run"
	say cbw speed vg0/data 0
	await 120 ended "$before"
	succeeded || fail "the service has failed"
	before=$(cbw list vg0/data | grep -c complete)
	say systemctl start --no-block "$unit.service"
	await 60 running
	say systemctl stop "$unit.service"
	[[ $(dmsetup table vg0-data) == *' linear '* ]] || fail "the volume has not got its table back"
	[[ $(cbw list vg0/data | grep -c complete) == "$before" ]] || fail "another backup has come, or gone"
	! cbw list vg0/data | grep incomplete || fail "what was stopped has left something"
}

told() {
	journalctl -t cbw-failed -o cat --no-pager | grep no-such-group
}

# As the example tells.
failure_is_told() {
	cp /usr/share/doc/cbw/examples/cbw-failed@.service /etc/systemd/system
	mkdir -p /etc/systemd/system/cbw-backup@.service.d
	printf '[Unit]\nOnFailure=cbw-failed@%%i.service\n' > /etc/systemd/system/cbw-backup@.service.d/failed.conf
	systemctl daemon-reload
	configure TO=no-such-group OPTIONS=
	! say systemctl start "$unit.service" || fail "it has not failed"
	await 60 told
	configure TO=vg1
	say systemctl reset-failed "$unit.service"
}

# --- attached at boot -------------------------------------------------------------------------------------------

attach_at_boot() {
	say cbw attach vg0/root --metadata-vg vg0
	printf '%s\n' INITRAMFS=yes METADATA=/dev/vg0/vg0-root-cbw-metadata > /etc/cbw/vg0-root.conf
	configure METADATA=/dev/vg1/vg0-data-cbw-metadata
	lvs
	ls -l /dev/vg1
	say systemctl enable cbw-attach@vg0-data.service
	echo "$data /srv/data ext4 defaults,nofail 0 2" >> /etc/fstab
	# What this machine needs is enough, and is there sooner.
	echo MODULES=dep > /etc/initramfs-tools/conf.d/dep
	say update-initramfs -u
	cp "/boot/initrd.img-$(uname -r)" /run/out/initrd
}

tracked() { # VOLUME WORDS
	cbw status "$1"
	[[ $(cbw status "$1") == *"changes are tracked"*"$2"* ]] || fail "it is not tracked so"
}

# The first boot with it: the maps are new, so the backups are full.
maps_begin() {
	tracked vg0/root "there is no backup"
	tracked vg0/data "there is no backup"
	findmnt /srv/data
	configure INCREMENTAL=3 "OPTIONS=--checksum"
	say cbw backup vg0/root --to vg1 --checksum --quiet
	say systemctl start "$unit.service"
	say cbw check /dev/vg0/vg0-root-cbw-metadata
	tree_sums /srv/data > /usr/local/sums
}

# The next one: they go on, and so do the backups.
maps_go_on() {
	local volumes
	tracked vg0/root "since the last backup"
	tracked vg0/data "since the last backup"
	volumes=$(lvs --noheadings -o lv_full_name -S 'lv_tags=cbw.complete=true')
	tree_sums /srv/data | diff - /usr/local/sums
	echo more > /srv/data/more
	tree_sums /srv/data > /run/sums-9
	say systemctl start "$unit.service"
	[[ $(< /var/lib/cbw/scheduled/vg0-data) == 1 ]] || fail "the backup of vg0/data is not incremental"
	say cbw backup vg0/root --to vg1 --sync incremental --checksum --quiet
	[[ $(lvs --noheadings -o lv_full_name -S 'lv_tags=cbw.complete=true') == "$volumes" ]] || fail "there are other backups than before"
	holds "$(cbw list vg0/data | awk '/ complete / { print $NF }' | tail -n 1)" 9
	say cbw verify "$(cbw list vg0/root | awk '/ complete / { print $NF }' | tail -n 1)"
}

remove() {
	say systemctl disable cbw-attach@vg0-data.service
	sed -i '/srv.data/d' /etc/fstab
	say umount /srv/data
	say cbw detach vg0/data vg0/root
	say dpkg --purge cbw dm-cbw-dkms
	! command -v cbw || fail "there still is a cbw"
	! find /lib/modules /usr/src /var/lib/dkms /lib/systemd /usr/share/initramfs-tools -name '*cbw*' ! -path '*/tests/*' | grep . ||
		fail "something is left"
	lvs -o lv_full_name,lv_tags
	[[ -n $(lvs --noheadings -o lv_name -S 'lv_tags=cbw.complete=true') ]] || fail "the backups are not there any more"
	[[ -n $(ls /var/lib/cbw) ]] || fail "the records are not there any more"
	# What still is in memory is of no use to anybody, and in nobody's way.
	say rmmod dm_cbw
}
