/* SPDX-License-Identifier: GPL-2.0-only */
/* An interval tree that is a list and checks itself: nothing is in it twice, or removed twice. */
#ifndef SHIM_INTERVAL_TREE_GENERIC_H
#define SHIM_INTERVAL_TREE_GENERIC_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#define __maybe_unused	__attribute__((unused))

/* As in the kernel, START and LAST tell where an entry lies. */
#define INTERVAL_TREE_DEFINE(type, member, number, subtree, START, LAST, kind, prefix)	\
											\
typedef type prefix##_entry;								\
											\
kind void prefix##_insert(prefix##_entry *entry, struct rb_root_cached *root)		\
{											\
	shim_check(!entry->member.linked, "an interval is inserted twice");		\
	shim_check(START(entry) <= LAST(entry), "an interval ends before it begins");	\
	entry->member.linked = true;							\
	entry->member.next = root->first;						\
	root->first = &entry->member;							\
}											\
											\
kind void prefix##_remove(prefix##_entry *entry, struct rb_root_cached *root)		\
{											\
	struct rb_node **node = &root->first;						\
											\
	while (*node && *node != &entry->member)					\
		node = &(*node)->next;							\
	shim_check(*node, "an interval is removed that is not there");			\
	*node = entry->member.next;							\
	entry->member.linked = false;							\
}											\
											\
kind prefix##_entry *prefix##_from(struct rb_node *node, number start, number last)	\
{											\
	for (; node; node = node->next) {						\
		prefix##_entry *entry = list_entry(node, prefix##_entry, member);	\
											\
		if (START(entry) <= last && start <= LAST(entry))			\
			return entry;							\
	}										\
	return NULL;									\
}											\
											\
kind prefix##_entry *prefix##_iter_first(struct rb_root_cached *root, number start,	\
					 number last)					\
{											\
	return prefix##_from(root->first, start, last);					\
}											\
											\
kind prefix##_entry *prefix##_iter_next(prefix##_entry *entry, number start, number last) \
{											\
	return prefix##_from(entry->member.next, start, last);				\
}

#endif
