# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests for which udev, LVM and dmeventd do in the guest what they do on a machine in use. After guest.sh:
# . "${CBW_LIB%/*}/udev.sh"
#
# Once all devices are gone, clean_up stops it all (stop_udev): other tests find the guest as before.

. "${CBW_LIB%/*}/volumes.sh"

udevd=/lib/systemd/systemd-udevd
lvm_local=/etc/lvm/lvmlocal.conf
installed=(/usr/local/sbin/cbw /usr/local/lib/udev/rules.d/09-dm-cbw.rules /usr/local/share/doc/cbw/lvm.conf)

# What checks thin pools and caches is in a package of its own.
set_lvm() { # [LINE]...: of the section devices
	local tools="thin_check_executable='' thin_repair_executable='' thin_dump_executable='' cache_check_executable=''"
	cat > "$lvm_local" <<-END
		devices { use_devicesfile=0 types=["nullb", 16] $* }
		activation { udev_sync=1 udev_rules=1 monitoring=1 thin_pool_autoextend_threshold=85 thin_pool_autoextend_percent=50 }
		global { use_lvmpolld=0 event_activation=1 ${tools//\'/\"} }
	END
}

start_udev() {
	[[ -x $udevd && -d /lib/udev/rules.d ]] || skip "there is no udev: package udev"
	cp "$lvm_local" /run/lvmlocal.conf.before
	unset DM_DISABLE_UDEV
	set_lvm
	say "$udevd" --daemon --children-max=4
	retry 30 udevadm control --ping || fail "udev does not answer"
	udevadm trigger --subsystem-match=block --action=add
	udevadm settle
}

# All rules that it had for now, too.
stop_udev() {
	local pid
	[[ ! -v DM_DISABLE_UDEV ]] || return 0
	udevadm settle
	udevadm control --exit
	export DM_DISABLE_UDEV=1
	pid=$(cat /run/dmeventd.pid 2>/dev/null) && kill "$pid" && retry 30 gone "$pid"
	mv /run/lvmlocal.conf.before "$lvm_local"
	rm -rf /run/udev /run/lvm /dev/disk "${installed[@]}"
}

# The rule, and what the snippet says, as "make install" and a user put them in place.
install_rule() {
	say make -s -C "$CBW_ROOT/tools" install
	udevadm control --reload
}

install_filter() {
	set_lvm "$(sed -n 's/^\t//p' "${installed[2]}")"
}

# How udev takes the device: which links it has, how important they are, and which rules are not for it. Other flags are of
# LVM, for the first event only.
known_to_udev() { # DM-NAME
	udevadm settle
	udevadm info "/dev/mapper/$1" | grep -E '^[LS]: |^E: DM_UDEV_.*_FLAG' | sort
}

make_groups() { # MIB: vg0 on two disks of that size; vg1, on one, for backups
	make_vg vg0 "$1"
	mk_null disk-more "$1" discard=1 > /dev/null
	vgextend -q vg0 /dev/disk-more > /dev/null
	make_vg vg1 "$1"
}
