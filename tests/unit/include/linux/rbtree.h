/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands for a tree is a list, which interval_tree_generic.h goes through. */
#ifndef SHIM_RBTREE_H
#define SHIM_RBTREE_H

#include <linux/types.h>

struct rb_node {
	struct rb_node *next;
	bool linked;
};

struct rb_root_cached {
	struct rb_node *first;
};

#define RB_ROOT_CACHED	((struct rb_root_cached) { NULL })

#endif
