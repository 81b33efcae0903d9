/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files that are there after a power cut: all of the new text, or all of the old. */
#ifndef CBW_DURABLE_H
#define CBW_DURABLE_H

/* Mode 0600. 0 or -1, error said. */
int durable_write(const char *path, const char *text);

/* It is fine if it is not there. 0 or -1, error said. */
int durable_remove(const char *path);

/* Makes the names in the folder that @path lies in durable. 0 or -1, error said. */
int durable_folder(const char *path);

#endif
