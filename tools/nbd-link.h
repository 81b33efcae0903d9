/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel is told of network block devices, by netlink. All return 0 or an errno, and say
 * nothing.
 */
#ifndef CBW_NBD_LINK_H
#define CBW_NBD_LINK_H

#include <stdint.h>

/* What a server has told of an export. */
struct nbd_export {
	uint64_t size;			/* bytes */
	uint16_t flags;			/* as the protocol has them */
	uint32_t block;			/* bytes; the smallest request */
};

/* A free device, of which @index is set, has @export at the other end of @sock. */
int nbd_link_connect(int sock, const struct nbd_export *export, uint32_t *index);

/* From now on it is disconnected when the last who has it open closes it. */
int nbd_link_keep(uint32_t index);

/* @sock takes the place of the connection that was cut. */
int nbd_link_replace(uint32_t index, int sock);

int nbd_link_disconnect(uint32_t index);

#endif
