# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The steps in the Debian system, for step.sh. What a later boot needs to know is noted in /usr/local.

data=/dev/mapper/vg0-data notes=/usr/local/cbw-test

# What is there, but for what always changes, and what the packages say that they leave.
everything() {
	find / -xdev \( -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/cache -o -path /var/tmp \
		-o -path /tmp -o -path /etc/lvm -o -path /usr/local -o -path /srv -o -path /var/lib/cbw \) -prune -o -print | LC_ALL=C sort
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
	mkdir -p "$notes"
	everything > "$notes/everything"
	dpkg_install "$1"
	dkms status
	[[ $(dkms status -m dm-cbw -v "$1" -k "$(uname -r)") == *installed* ]] || fail "DKMS has not installed it"
	[[ $(modinfo -n dm_cbw) == */updates/dkms/dm_cbw.ko ]] || fail "the module is $(modinfo -n dm_cbw)"
	modinfo dm_cbw
	[[ $(cbw --version) == "cbw $1" ]] || fail "the tool is $(cbw --version)"
	[[ -s /usr/share/man/man8/cbw.8.gz && -s /usr/share/man/man5/dm-cbw.5.gz ]] || fail "a man page is missing"
	# Nothing but what the packages ask for is needed.
	bash -c '. /usr/share/bash-completion/completions/cbw && complete -p cbw'
	! systemctl list-unit-files --no-legend --state=enabled 'cbw-*' | grep -v cbw-test || fail "a unit is enabled by itself"
	! systemctl list-units --no-legend --plain 'cbw-*' | grep -v cbw-test || fail "a unit is started by itself"
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

# When no job needs the old one.
renew() { # TO
	[[ $(loaded) != "$1" ]] || fail "it is new already"
	say rmmod dm_cbw
	say cbw backup vg0/data --to vg1 --checksum --keep 2
	[[ $(loaded) == "$1" ]] || fail "the module that is loaded is of $(loaded)"
	check_newest 2
}

# --- schedules --------------------------------------------------------------------------------------------------

unit=cbw-backup@vg0-data
conf=/etc/cbw/vg0-data.conf count=/var/lib/cbw/scheduled/vg0-data

# configure NAME=VALUE...: instead of the lines of these names
configure() {
	local setting
	for setting; do
		sed -i "/^#*${setting%%=*}=/d" "$conf"
		echo "$setting" >> "$conf"
	done
}

await() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	until "${@:2}"; do
		((SECONDS < end)) || fail "in vain: ${*:2}"
		sleep 0.5
	done
}

uptime_us() {
	awk '{ printf "%.0f", $1 * 1000000 }' /proc/uptime
}

ended() { # UPTIME: has a run of the unit ended since?
	[[ $(systemctl show -p ActiveState --value "$unit.service") != activating ]] &&
		(($(systemctl show -p InactiveEnterTimestampMonotonic --value "$unit.service") > $1))
}

succeeded() {
	[[ $(systemctl show -p Result --value "$unit.service") == success ]] || fail "$1: $(journalctl -u "$unit" -o cat -n 20 --no-pager)"
}

complete_backups() { # VOLUME
	cbw list "$1" | awk '/ complete / { print $NF }'
}

# All that is on the volume, and must be found again in the backup.
tree_sums() { # FOLDER
	(cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

# holds BACKUP SUMS: are its checksums right, and its files those?
holds() {
	local group=${1%/*}
	say cbw verify "$1"
	say lvcreate -q -y -s -L 32M -n look -kn "$1"
	lvchange -q -y -ay -K "$group/look"
	mkdir -p /run/look
	mount -o ro "/dev/$group/look" /run/look
	tree_sums /run/look | diff - "$2" || fail "$1 does not hold what there was for $2"
	umount /run/look
	lvremove -q -y "$group/look"
	lvchange -an "$1"
}

# --- attached at boot -------------------------------------------------------------------------------------------

# The boot to come finds two volumes, each with a full backup, of which the one is its root.
attach_at_boot() {
	say cbw attach vg0/root --metadata-vg vg0
	say cbw attach vg0/data --metadata-vg vg1
	printf '%s\n' INITRAMFS=yes METADATA=/dev/vg0/vg0-root-cbw-metadata > /etc/cbw/vg0-root.conf
	cp /usr/share/doc/cbw/examples/volume.conf "$conf"
	configure TO=vg1 KEEP=2 INCREMENTAL=3 OPTIONS=--checksum METADATA=/dev/vg1/vg0-data-cbw-metadata
	say systemctl enable cbw-attach@vg0-data.service
	echo "$data /srv/data ext4 defaults,nofail 0 2" >> /etc/fstab
	say cbw backup vg0/root --to vg1 --checksum --quiet
	say systemctl start "$unit.service"
	[[ $(< "$count") == 0 ]] || fail "the backup of vg0/data is not full"
	tree_sums /srv/data > "$notes/sums"
	# What this machine needs is enough, and is there sooner.
	echo MODULES=dep > /etc/initramfs-tools/conf.d/dep
	say update-initramfs -u
	cp "/boot/initrd.img-$(uname -r)" /run/out/initrd
}

# The same by dracut, for the boot after that.
make_by_dracut() {
	local file
	# The drivers of this machine are enough, and an emulator would take long to compress more.
	say dracut --force --nostrip --no-compress --drivers "virtio_blk virtio_pci ext4 dm_mod" --kernel-cmdline rd.lvm.lv=vg0/root \
		/run/out/initrd "$(uname -r)"
	lsinitrd /run/out/initrd > /run/contents
	for file in usr/sbin/cbw usr/sbin/dmsetup usr/lib/cbw/attach etc/cbw-attach hooks/pre-mount/10-cbw-attach.sh dm_cbw.ko; do
		grep "/$file\| $file" /run/contents || fail "the initramfs of dracut lacks $file"
	done
	say lsinitrd -f etc/cbw-attach /run/out/initrd | diff - <(/usr/lib/cbw/boot-list)
}

# root_holds BACKUP: what was noted on the root before; and it is whole
root_holds() {
	say cbw verify "$1"
	say lvchange -q -y -ay -K "$1"
	say e2fsck -fn "/dev/$1"
	debugfs -R "cat $notes/boot" "/dev/$1" | diff - "$notes/boot" || fail "$1 does not hold what there was"
	say lvchange -an "$1"
}

# Whoever made the initramfs: both volumes were attached before they were mounted, so their maps, and their backups, go on.
maps_go_on() { # BOOT: of those that find such maps
	local volume volumes
	for volume in vg0/root vg0/data; do
		cbw status "$volume"
		[[ $(cbw status "$volume") == *"changes are tracked"*"since the last backup"* ]] || fail "the map of $volume does not go on"
	done
	tree_sums /srv/data | diff - "$notes/sums"
	volumes=$(lvs --noheadings -o lv_full_name -S lv_tags=cbw.complete=true)
	echo "$1" | tee "/srv/data/boot-$1" > "$notes/boot"
	sync
	tree_sums /srv/data > "$notes/sums"
	say systemctl start "$unit.service"
	[[ $(< "$count") == "$1" ]] || fail "the backup of vg0/data is not incremental"
	say cbw backup vg0/root --to vg1 --sync incremental --checksum --quiet
	[[ $(lvs --noheadings -o lv_full_name -S lv_tags=cbw.complete=true) == "$volumes" ]] || fail "there are other backups than before"
	holds "$(complete_backups vg0/data | tail -n 1)" "$notes/sums"
	root_holds "$(complete_backups vg0/root | tail -n 1)"
	say cbw check /dev/vg0/vg0-root-cbw-metadata
}

# --- a week -----------------------------------------------------------------------------------------------------

# Passes midnight, which the timer sees, or, if the machine is off then, the next start of the timer.
pass_midnight() {
	say date -s 23:59:58
}

sleep_through() {
	say systemctl stop "$unit.timer"
	say date -s "tomorrow 03:00"
	say systemctl start "$unit.timer"
}

# The volume is written to while nobody notes it, so the map begins anew.
lose_map() {
	say cbw detach vg0/data
	echo lost > /srv/data/lost
	sync
	say systemctl restart cbw-attach@vg0-data.service
}

night() { # NUMBER COMMAND: that lets it pass
	local before
	dd if=/dev/urandom of="/srv/data/night-$1" bs=64K count=8 status=none
	rm -f "/srv/data/night-$(($1 - 3))"
	sync
	tree_sums /srv/data > "$notes/sums-$1"
	before=$(uptime_us)
	"$2"
	await 600 ended "$before"
	succeeded "night $1"
	say cbw verify "$(complete_backups vg0/data | tail -n 1)"
}

# Eight nights: full, three incremental, full, incremental; then the map is lost, so full, and incremental.
week() {
	local night how newest=() kinds='' expected
	rm "$count"
	mkdir -p "/etc/systemd/system/$unit.timer.d"
	printf '[Timer]\nRandomizedDelaySec=0\nAccuracySec=1s\n' > "/etc/systemd/system/$unit.timer.d/now.conf"
	systemctl daemon-reload
	say systemctl enable --now "$unit.timer"
	for night in {1..8}; do
		how=pass_midnight
		((night != 3)) || how=sleep_through
		((night != 7)) || lose_map
		night "$night" "$how"
		kinds+=" $(< "$count")"
		newest[night]=$(complete_backups vg0/data | tail -n 1)
	done
	say systemctl stop "$unit.timer"
	cbw list vg0/data
	[[ $kinds == " 0 1 2 3 0 1 0 1" ]] || fail "full and incremental ones were$kinds"
	# The second full one, as of the night after it, and the third.
	expected="${newest[5]} ${newest[7]}"
	[[ $(complete_backups vg0/data | xargs) == "$expected" ]] || fail "there is $(complete_backups vg0/data | xargs), not $expected"
	[[ $(lvs --noheadings -o lv_full_name -S 'lv_tags=cbw.origin=vg0/data' | sort | xargs) == "$expected" ]] ||
		fail "the volumes of backups are other ones"
	holds "${newest[5]}" "$notes/sums-6"
	holds "${newest[7]}" "$notes/sums-8"
}

running() {
	[[ $(dmsetup table vg0-data) == *' backup '* && $(state) == running ]]
}

# Those who run a verb of the tool, or of systemctl.
who_runs() { # VERB
	# Its status may be that of a process that has just ended.
	grep -lzxse "[${1:0:1}]${1:1}" /proc/[0-9]*/cmdline | grep -q .
}

# What runs in a terminal, until that is closed.
terminal() { # COMMAND...
	script -qfc "$*" /run/terminal > /dev/null 2>&1 < /dev/null &
}

# The job is the service's: who has begun it, and who watches, can go, and who stops the service ends it.
service_owns() {
	local before terminals=() backups
	configure INCREMENTAL=0 "OPTIONS=--checksum --speed 256K"
	before=$(uptime_us)
	terminal systemctl start "$unit.service"
	terminals+=($!)
	await 120 running
	terminal cbw wait vg0/data
	terminals+=($!)
	await 120 who_runs wait
	await 120 who_runs start
	kill -KILL "${terminals[@]}"
	wait "${terminals[@]}" || true
	await 120 nobody_runs wait
	await 120 nobody_runs start
	running || fail "the job is $(dmsetup status vg0-data)"
	[[ $(systemctl show -p ActiveState --value "$unit.service") == activating ]] || fail "the service does not run"
	say cbw speed vg0/data 0
	await 300 ended "$before"
	succeeded "it was left alone"
	backups=$(complete_backups vg0/data)
	say systemctl start --no-block "$unit.service"
	await 120 running
	say systemctl stop "$unit.service"
	[[ $(dmsetup table vg0-data) == *' track '* ]] || fail "the volume has not got its table back"
	[[ $(complete_backups vg0/data) == "$backups" ]] || fail "another backup has come, or gone"
	! cbw list vg0/data | grep incomplete || fail "what was stopped has left something"
}

nobody_runs() { # VERB
	! who_runs "$1"
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
	await 120 told
	configure TO=vg1
	say systemctl reset-failed "$unit.service"
}

# --- removal ----------------------------------------------------------------------------------------------------

# What was made by hand is taken away by hand, but not what runs, and what is enabled.
remove() {
	local backups
	backups=$(lvs --noheadings -o lv_full_name -S lv_tags=cbw.complete=true)
	say systemctl enable --now "$unit.timer" cbw-metrics.timer
	say cbw detach vg0/root vg0/data
	configure "OPTIONS=--speed 256K"
	say systemctl start --no-block "$unit.service"
	await 120 running
	say dpkg --remove cbw dm-cbw-dkms
	[[ $(dmsetup table vg0-data) == *' linear '* ]] || fail "the volume has not got its table back"
	[[ ! -e /sys/module/dm_cbw ]] || fail "the module is still loaded"
	! systemctl list-units --no-legend --plain 'cbw-*' | grep -v cbw-test || fail "a unit is still there"
	! lsinitramfs "/boot/initrd.img-$(uname -r)" | grep cbw || fail "the initramfs has something left"
	say dpkg --purge cbw dm-cbw-dkms
	rm -r /etc/cbw "/etc/systemd/system/$unit.timer.d" /etc/systemd/system/cbw-{backup@.service.d,failed@.service}
	rm /etc/initramfs-tools/conf.d/dep
	everything | diff "$notes/everything" - || fail "something is left"
	[[ $(lvs --noheadings -o lv_full_name -S lv_tags=cbw.complete=true) == "$backups" ]] || fail "the backups are not there any more"
	[[ -n $(ls /var/lib/cbw) ]] || fail "the records are not there any more"
	cp "/boot/initrd.img-$(uname -r)" /run/out/initrd
}

# The volumes are what they were, to a system that knows nothing of all this.
without() {
	! modinfo dm_cbw || fail "there is a module"
	tree_sums /srv/data | diff - "$notes/sums-8"
}
