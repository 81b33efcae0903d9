#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tests/system/run begins with: a Debian system comes onto a logical volume, with the module, the tool and the test
# timeout: 300
. "$CBW_LIB"

need_module virtio_blk
tree=$CBW_TMP/tree version=$(modinfo -F vermagic "$CBW_KO" | cut -d' ' -f1)

install_files() {
	install -D -t "$tree/usr/local/sbin" "$CBW_ROOT"/tools/cbw "$CBW_ROOT"/tests/oracle/cbw-stamp
	install -D -t "$tree/usr/local/lib/cbw-test" "$CBW_ROOT"/tests/system/guest
	install -D -m 644 -t "$tree/lib/modules/$version/updates" "$CBW_KO"
	depmod -b "$tree" "$version"
	cat > "$tree/etc/systemd/system/cbw-test.service" <<-END
		[Service]
		ExecStart=/usr/local/lib/cbw-test/guest
		[Install]
		WantedBy=multi-user.target
	END
	mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
	ln -s ../cbw-test.service "$tree/etc/systemd/system/multi-user.target.wants"
}

say vgcreate -q vg0 /dev/vda
say vgcreate -q vg1 /dev/vdb
say lvcreate -q -y -an -Zn -Wn -L 640M -n root vg0
lvchange -ay vg0/root
say dd if=/run/out/system/root.ext4 of=/dev/mapper/vg0-root bs=1M conv=sparse,fsync
say e2fsck -fp /dev/mapper/vg0-root
say resize2fs /dev/mapper/vg0-root
mkdir "$tree"
say mount /dev/mapper/vg0-root "$tree"
install_files
df -h "$tree"
say umount "$tree"
vgchange -q -an vg0 vg1
