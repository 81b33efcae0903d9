/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file system that is mounted from a volume, kept from being unmounted. As long as it is, a
 * suspend of the volume freezes it: what is on the volume then is clean, and whole without its
 * journal or log.
 */
#ifndef CBW_PIN_H
#define CBW_PIN_H

#include <sys/types.h>

/* A descriptor, for close(), or -1: nothing is mounted from @dev itself, for writing, here. */
int pin_mounted(dev_t dev);

#endif
