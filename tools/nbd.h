/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exports of NBD servers, named nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH, as block
 * devices of this machine. Beyond this machine a connection is encrypted, by nbd-client, unless
 * it may be @insecure.
 */
#ifndef CBW_NBD_H
#define CBW_NBD_H

#include <stdbool.h>

#include "device.h"

bool nbd_is_url(const char *name);

/*
 * Connects a free device. Returns a file of it, which is open; when that is closed, and nobody else
 * has the device open, it is disconnected. -1, error said.
 */
int nbd_connect(const char *url, bool insecure, struct device *device);

/* Connects a device anew of which the connection was cut. 0 or -1, error said. */
int nbd_reconnect(const char *url, bool insecure, dev_t dev);

/* Prints what does the same as nbd_connect(); the device will be $NBD. */
void nbd_plan(const char *url, bool insecure);

#endif
