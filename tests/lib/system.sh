# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How a Debian system comes onto a logical volume, in the rescue system. After guest.sh:  . "${CBW_LIB%/*}/system.sh"

need_module virtio_blk

root_onto_volume() { # SIZE FOLDER: vg0/root, mounted there; vg1 is empty
	say vgcreate -q vg0 /dev/vda
	say vgcreate -q vg1 /dev/vdb
	say lvcreate -q -y -an -Zn -Wn -L "$1" -n root vg0
	lvchange -ay vg0/root
	say dd if=/dev/vdc of=/dev/mapper/vg0-root bs=1M conv=sparse,fsync
	say e2fsck -fp /dev/mapper/vg0-root
	say resize2fs /dev/mapper/vg0-root
	mkdir "$2"
	say mount /dev/mapper/vg0-root "$2"
}

# What does the steps of the test, started by systemd.
install_guest() { # FOLDER
	install -D -t "$1/usr/local/sbin" "$CBW_ROOT"/tests/oracle/cbw-stamp
	install -D -t "$1/usr/local/lib/cbw-test" "$CBW_ROOT"/tests/system/guest
	cat > "$1/etc/systemd/system/cbw-test.service" <<-END
		[Service]
		ExecStart=/usr/local/lib/cbw-test/guest
		[Install]
		WantedBy=multi-user.target
	END
	mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
	ln -s ../cbw-test.service "$1/etc/systemd/system/multi-user.target.wants"
}

root_is_ready() { # FOLDER
	df -h "$1"
	say umount "$1"
	vgchange -q -an vg0 vg1
}
